"""The PyTorch half of seq2seq_step.py and seq2seq_latency.py: the architecture of seq2seq_lstm.

A server that does one job for every line it reads: a training step, or a greedy translation of so
many tokens. Runs in an environment with torch and safetensors; argv[1] is a JSON object of
settings. Prints one JSON line for every job.
"""

import json
import sys
import time

import numpy as np
import torch
from torch import nn


class Translator(nn.Module):
    """One bidirectional LSTM, one LSTM with dot attention, one table for all words."""

    def __init__(self, words, width, units, dropout):
        super().__init__()
        self.embeddings = nn.Embedding(words, width)
        self.encoder = nn.LSTM(width, units // 2, batch_first=True, bidirectional=True)
        self.keys = nn.Linear(units, units, bias=False)
        self.bridge = nn.Linear(units, 2 * units)
        self.decoder = nn.LSTM(width, units, batch_first=True)
        self.merge = nn.Linear(2 * units, width)
        self.bias = nn.Parameter(torch.zeros(words))
        self.dropout = nn.Dropout(dropout)

    def encode(self, source):
        memory, (h, _) = self.encoder(self.dropout(self.embeddings(source)))
        memory = self.dropout(memory)
        first = torch.tanh(self.bridge(torch.cat([h[0], h[1]], -1)))
        return memory, self.keys(memory), tuple(x.contiguous()[None] for x in first.chunk(2, -1))

    def decode(self, target, memory, keys, states):
        x, states = self.decoder(self.dropout(self.embeddings(target)), states)
        weights = torch.softmax(x @ keys.transpose(1, 2), -1)
        x = torch.tanh(self.merge(torch.cat([weights @ memory, x], -1)))
        return self.dropout(x) @ self.embeddings.weight.T + self.bias, states

    def read(self, path):
        """Take the weights that tfapps wrote; gates stand in the same order on both sides."""
        from safetensors.numpy import load_file

        weights = {name: torch.from_numpy(value) for name, value in load_file(path).items()}

        def lstm(name, layer, suffix=""):
            getattr(layer, f"weight_ih_l0{suffix}").copy_(weights[f"{name}/kernel"].T)
            getattr(layer, f"weight_hh_l0{suffix}").copy_(weights[f"{name}/recurrent_kernel"].T)
            getattr(layer, f"bias_ih_l0{suffix}").copy_(weights[f"{name}/bias"])
            getattr(layer, f"bias_hh_l0{suffix}").zero_()

        with torch.no_grad():
            self.embeddings.weight.copy_(weights["embeddings/embeddings"])
            self.bias.copy_(weights["embeddings/bias"])
            self.keys.weight.copy_(weights["memory_keys/kernel"].T)
            for layer, name in ((self.bridge, "bridge/map"), (self.merge, "merge")):
                layer.weight.copy_(weights[f"{name}/kernel"].T)
                layer.bias.copy_(weights[f"{name}/bias"])
            lstm("encoder_0/forward/lstm_cell", self.encoder)
            lstm("encoder_0/backward/lstm_cell", self.encoder, "_reverse")
            lstm("decoder_0/lstm_cell", self.decoder)


def trainer(model, settings):
    data = np.load(settings["data"])
    source, target, label = (torch.from_numpy(data[k].astype("int64")) for k in ("s", "t", "y"))
    model.train()
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=settings["rate"], eps=1e-7, weight_decay=0.01
    )
    smooth = nn.CrossEntropyLoss(label_smoothing=settings["smoothing"])

    def step():
        optimizer.zero_grad(set_to_none=True)
        logits, _ = model.decode(target, *model.encode(source))
        loss = smooth(logits.flatten(0, 1), label.flatten())
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        return {"loss": loss.item()}

    return step


def translator(model, settings):
    source = torch.tensor([settings["source"]])
    model.eval()

    @torch.inference_mode()
    def translate():
        memory, keys, states = model.encode(source)
        last, tokens = torch.tensor([[settings["start_id"]]]), []
        for _ in range(settings["tokens"]):
            logits, states = model.decode(last, memory, keys, states)
            last = logits[:, -1].argmax(-1, keepdim=True)
            tokens.append(int(last))
        return {"said": tokens}

    return translate


def main():
    settings = json.loads(sys.argv[1])
    torch.set_num_threads(settings["threads"])
    torch.manual_seed(0)
    model = Translator(*(settings[k] for k in ("words", "width", "units", "dropout")))
    if settings["weights"]:
        model.read(settings["weights"])
    job = (translator if "source" in settings else trainer)(model, settings)
    print(json.dumps({"torch": torch.__version__}), flush=True)
    for _ in sys.stdin:
        cpu, wall = time.process_time(), time.perf_counter()
        figures = job()
        spent = {"cpu": time.process_time() - cpu, "wall": time.perf_counter() - wall}
        print(json.dumps({**spent, **figures}), flush=True)


main()
