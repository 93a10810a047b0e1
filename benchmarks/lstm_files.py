"""Edge forms of one BiLSTM classifier: float, and integers in a fused op, a loop or step by step.

    python benchmarks/lstm_files.py

128 units on 64 tokens, one thread, all files timed in turn. Writes
`benchmarks/results/lstm_files.json`, of which `python -m tools.tables` makes the table.
"""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import Any

import tfapps  # noqa: F401 - chooses the backend of Keras, before that is imported

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
from _timing import timed
from _versus import processor

from tfapps.backends.litert import operators, partitions
from tfapps.compress import qat
from tfapps.export import litert
from tfapps.graph import weights
from tfapps.layers.linear import Linear
from tfapps.layers.lstm import LSTM
from tfapps.models import bilstm

LENGTH, WORDS, CLASSES, UNITS = 64, 1500, 77, 128
RESULTS = Path(__file__).parent / "results" / "lstm_files.json"


def model(batch_size: int | None = None, length: int | None = None) -> keras.Model:
    """Build a classifier with random weights."""
    keras.utils.set_random_seed(1)
    config = bilstm.Config(max_length=LENGTH, units=UNITS)
    part = bilstm.build(config, vocabulary_size=WORDS, batch_size=batch_size, length=length)
    return keras.Model(part.input, Linear(CLASSES, name="head")(part.output["pooled"]))


def rows(count: int) -> dict[str, np.ndarray]:
    """Draw random texts (count, t) of 64 tokens."""
    ids = np.random.default_rng(0).integers(5, WORDS, (count, LENGTH)).astype(np.int32)
    return {"token_ids": ids, "padding_mask": np.ones_like(ids)}


def trained(products: bool, unroll: bool = False) -> Any:
    """Return the `rebuild` of a model with calibrated quantizers.

    Args:
        products: each LSTM as integer products with float gates, else as one integer operation.
        unroll: every step by itself, without a loop.
    """
    ready = qat.quantize(model(), quantize_products=products)
    qat.calibrate(ready, [rows(8)])

    def rebuild(batch_size: int | None, length: int | None) -> keras.Model:
        fresh = qat.quantize(model(batch_size, length), quantize_products=products)
        for path, weight in weights.variables(ready).items():
            weights.variables(fresh)[path].assign(weight)
        for layer in fresh._flatten_layers():
            if isinstance(layer, LSTM):
                layer.unroll = unroll
        return fresh

    return rebuild


def files(folder: Path) -> dict[str, Path]:
    """Return every form's file."""
    common = {"max_length": LENGTH, "calibration": [rows(8)]}
    plain = ["litert_float32", "litert_dynamic"]
    litert.export(plain, rebuild=model, folder=folder / "plain", **common)
    forms = {"fused": trained(False), "loop": trained(True), "unrolled": trained(True, True)}
    for name, rebuild in forms.items():
        litert.export(["litert_int8"], rebuild=rebuild, folder=folder / name, **common)
    return {
        "float32": folder / "plain" / "litert" / "float32.tflite",
        "dynamic": folder / "plain" / "litert" / "dynamic.tflite",
        **{f"{name}_int8": folder / name / "litert" / "int8.tflite" for name in forms},
    }


def main() -> None:
    """Make and time the files."""
    with tempfile.TemporaryDirectory() as temporary:
        paths = files(Path(temporary))
        figures: dict[str, Any] = timed(paths, rounds=200)
        for name, path in paths.items():
            figures[name] |= {
                "operators": len(operators(path)),
                "partitions": partitions(path),
                "bytes": path.stat().st_size,
            }
            print(name, figures[name])
    report = {
        "command": "python benchmarks/lstm_files.py",
        "processor": processor(),
        "forms": figures,
    }
    RESULTS.write_text(json.dumps(report, indent=2) + "\n")


if __name__ == "__main__":
    main()
