"""A trained run of ours as a PyTorch model of transformers, for the rivals to start from."""

import json
from pathlib import Path

import numpy as np
import torch
from safetensors.numpy import load_file
from transformers import BertConfig, BertModel


class Classifier(torch.nn.Module):
    """ids (b, t), mask (b, t) -> logits (b, c) of the mean of the token states."""

    def __init__(self, shape, classes):
        super().__init__()
        config = BertConfig(
            vocab_size=shape["vocabulary_size"],
            hidden_size=shape["hidden"],
            num_hidden_layers=shape["layers"],
            num_attention_heads=shape["heads"],
            intermediate_size=shape["intermediate"],
            max_position_embeddings=shape["positions"],
            type_vocab_size=shape["segments"],
            layer_norm_eps=shape["epsilon"],
            attn_implementation="eager",
        )
        self.bert = BertModel(config, add_pooling_layer=False)
        self.head = torch.nn.Linear(shape["hidden"], classes)

    def forward(self, ids, mask):
        x = self.bert(input_ids=ids, attention_mask=mask).last_hidden_state
        real = mask.unsqueeze(-1).to(x.dtype)
        return self.head((x * real).sum(1) / real.sum(1))


def trained(run):
    """Return the classifier with the weights of a run."""
    run = Path(run)
    weights = load_file(run / "weights.safetensors")
    shape = json.loads((run / "architecture.json").read_text())
    model = Classifier(shape, len(weights["head/bias"]))
    state = {name: torch.from_numpy(array) for name, array in _renamed(weights, shape["layers"])}
    missing, unexpected = model.load_state_dict(state, strict=False)
    missing = [name for name in missing if not name.endswith(("position_ids", "token_type_ids"))]
    if missing or unexpected:
        raise SystemExit(f"error: {run}: missing {missing}, unexpected {unexpected}")
    return model.eval()


def _renamed(weights, layers):
    """Yield names and arrays as transformers has them: kernels lie the other way round."""
    tables = {"token": "word", "position": "position", "segment": "token_type"}
    for ours, theirs in tables.items():
        yield f"bert.embeddings.{theirs}_embeddings.weight", weights[f"embeddings/{ours}"]
    yield from _norm(weights, "embeddings_norm", "bert.embeddings.LayerNorm")
    for i in range(layers):
        block, layer = f"block_{i}", f"bert.encoder.layer.{i}"
        kernels = np.split(weights[f"{block}_attention/qkv/kernel"], 3, axis=1)
        biases = np.split(weights[f"{block}_attention/qkv/bias"], 3)
        for name, kernel, bias in zip(("query", "key", "value"), kernels, biases, strict=True):
            yield f"{layer}.attention.self.{name}.weight", kernel.T.copy()
            yield f"{layer}.attention.self.{name}.bias", bias.copy()
        yield from _dense(weights, f"{block}_attention/output", f"{layer}.attention.output.dense")
        yield from _norm(weights, f"{block}_attention_norm", f"{layer}.attention.output.LayerNorm")
        yield from _dense(weights, f"{block}_intermediate", f"{layer}.intermediate.dense")
        yield from _dense(weights, f"{block}_output", f"{layer}.output.dense")
        yield from _norm(weights, f"{block}_output_norm", f"{layer}.output.LayerNorm")
    yield from _dense(weights, "head", "head")


def _dense(weights, ours, theirs):
    yield f"{theirs}.weight", weights[f"{ours}/kernel"].T.copy()
    yield f"{theirs}.bias", weights[f"{ours}/bias"]


def _norm(weights, ours, theirs):
    yield f"{theirs}.weight", weights[f"{ours}/gamma"]
    yield f"{theirs}.bias", weights[f"{ours}/beta"]
