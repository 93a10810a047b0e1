"""The PyTorch half of bilstm_step.py: a server that does one step for every line it reads.

argv[1] is a JSON object of settings; the weights come as tfapps wrote them. Prints one JSON line
for every step.
"""

import json
import sys
import time

import numpy as np
import torch
from safetensors.numpy import load_file
from torch import nn


class Classifier(nn.Module):
    """Embeddings, one bidirectional LSTM, the largest state of each channel, a head."""

    def __init__(self, weights):
        super().__init__()
        table = weights["embeddings/embeddings"]
        gates = weights["lstm_0/forward/lstm_cell/kernel"]
        kernel = weights["head/kernel"]
        self.embeddings = nn.Embedding(*table.shape)
        self.lstm = nn.LSTM(len(gates), gates.shape[1] // 4, batch_first=True, bidirectional=True)
        self.head = nn.Linear(*kernel.shape)
        with torch.no_grad():
            self.embeddings.weight.copy_(weights["embeddings/embeddings"])
            self.head.weight.copy_(kernel.T)
            self.head.bias.copy_(weights["head/bias"])
            for name, suffix in (("forward", ""), ("backward", "_reverse")):
                cell = f"lstm_0/{name}/lstm_cell"
                getattr(self.lstm, f"weight_ih_l0{suffix}").copy_(weights[f"{cell}/kernel"].T)
                recurrent = weights[f"{cell}/recurrent_kernel"].T
                getattr(self.lstm, f"weight_hh_l0{suffix}").copy_(recurrent)
                getattr(self.lstm, f"bias_ih_l0{suffix}").copy_(weights[f"{cell}/bias"])
                getattr(self.lstm, f"bias_hh_l0{suffix}").zero_()

    def forward(self, ids):
        return self.head(self.lstm(self.embeddings(ids))[0].amax(1))


def main():
    settings = json.loads(sys.argv[1])
    torch.set_num_threads(settings["threads"])
    data = np.load(settings["data"])
    ids, labels = (torch.from_numpy(data[key].astype("int64")) for key in ("ids", "y"))
    weights = {
        name: torch.from_numpy(value) for name, value in load_file(settings["weights"]).items()
    }
    model = Classifier(weights).train()
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=settings["rate"], eps=1e-7, weight_decay=0.01
    )
    loss_function = nn.CrossEntropyLoss()
    print(json.dumps({"torch": torch.__version__}), flush=True)
    for _ in sys.stdin:
        cpu, wall = time.process_time(), time.perf_counter()
        optimizer.zero_grad(set_to_none=True)
        loss = loss_function(model(ids), labels)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        loss = loss.item()
        spent = {"cpu": time.process_time() - cpu, "wall": time.perf_counter() - wall}
        print(json.dumps({**spent, "loss": loss}), flush=True)


main()
