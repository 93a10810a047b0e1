"""The PyTorch half of train_step.py: a server that does one step for every line it reads.

Runs in an environment with torch and transformers; argv[1] is a JSON object of settings, the ids
come as an .npz file. Prints one JSON line for every step.
"""

import json
import sys
import time

import numpy as np
import torch
from transformers import BertModel


class Classifier(torch.nn.Module):
    def __init__(self, folder, classes, dropout):
        super().__init__()
        self.bert = BertModel.from_pretrained(
            folder,
            add_pooling_layer=False,
            hidden_dropout_prob=dropout,
            attention_probs_dropout_prob=dropout,
        )
        self.head = torch.nn.Linear(self.bert.config.hidden_size, classes)

    def forward(self, ids, mask):
        x = self.bert(input_ids=ids, attention_mask=mask).last_hidden_state
        real = mask.unsqueeze(-1).to(x.dtype)
        return self.head((x * real).sum(1) / real.sum(1).clamp(min=1.0))


def main():
    settings = json.loads(sys.argv[1])
    torch.set_num_threads(settings["threads"])
    torch.manual_seed(0)
    data = np.load(settings["data"])
    ids, mask, labels = (torch.from_numpy(data[k].astype("int64")) for k in ("ids", "mask", "y"))
    model = Classifier(settings["folder"], settings["classes"], settings["dropout"])
    with torch.no_grad():
        model.head.weight.copy_(torch.from_numpy(data["kernel"].T))
        model.head.bias.zero_()
    model.train()
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=settings["rate"], eps=1e-7, weight_decay=0.01
    )
    loss_function = torch.nn.CrossEntropyLoss()
    versions = {"torch": torch.__version__}
    print(json.dumps(versions), flush=True)
    for _ in sys.stdin:
        cpu, wall = time.process_time(), time.perf_counter()
        optimizer.zero_grad(set_to_none=True)
        loss = loss_function(model(ids, mask), labels)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        loss = loss.item()
        spent = {"cpu": time.process_time() - cpu, "wall": time.perf_counter() - wall}
        print(json.dumps({**spent, "loss": loss}), flush=True)


if __name__ == "__main__":
    main()
