"""Integer forms of one BERT: how many pieces the delegate makes of each, and what each costs.

    python benchmarks/edge_forms.py

MiniLM-L6 at length 64, one thread, all files timed in turn. Writes
`benchmarks/results/edge_forms.json`, of which `python -m tools.tables` makes the table.
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

from tfapps.backends.litert import partitions
from tfapps.compress import qat
from tfapps.export import edge_quantizer, litert
from tfapps.export.parts import module
from tfapps.graph import weights
from tfapps.layers.linear import Linear
from tfapps.models import bert

LENGTH, WORDS, CLASSES = 64, 30522, 77
RESULTS = Path(__file__).parent / "results" / "edge_forms.json"


def model(batch_size: int | None = None, length: int | None = None) -> keras.Model:
    """Build MiniLM with a random head."""
    keras.utils.set_random_seed(1)
    config = bert.Config(preset="minilm_l6", max_length=LENGTH)
    part = bert.build(config, vocabulary_size=WORDS, batch_size=batch_size, length=length)
    bert.load_pretrained(config, part)
    return keras.Model(part.input, Linear(CLASSES, name="head")(part.output["pooled"]))


def rows(count: int) -> dict[str, np.ndarray]:
    """Draw random texts (count, t) of 64 tokens."""
    ids = np.random.default_rng(0).integers(1000, WORDS, (count, LENGTH)).astype(np.int32)
    return {
        "token_ids": ids,
        "padding_mask": np.ones_like(ids),
        "segment_ids": np.zeros_like(ids),
    }


def trained(activations: str) -> Any:
    """Return the `rebuild` of a model with calibrated quantizers."""
    ready = qat.quantize(model(), activations=activations)
    qat.calibrate(ready, [rows(8)])

    def rebuild(batch_size: int | None, length: int | None) -> keras.Model:
        fresh = qat.quantize(model(batch_size, length), activations=activations)
        for path, weight in weights.variables(ready).items():
            weights.variables(fresh)[path].assign(weight)
        return fresh

    return rebuild


def files(folder: Path) -> dict[str, Path]:
    """Return every form's file."""
    common = {"max_length": LENGTH, "calibration": [rows(8)]}
    litert.export(
        ["litert_float32", "litert_int8"], rebuild=model, folder=folder / "plain", **common
    )
    edge_quantizer.export(["litert_int4"], rebuild=model, folder=folder / "plain", **common)
    for activations in ("all", "products"):
        target = folder / activations
        litert.export(["litert_int8"], rebuild=trained(activations), folder=target, **common)
    module.save(module.serving_signature(model(1, LENGTH)), folder / "saved")
    litert.convert(folder / "saved", "int8", folder / "naive.tflite", rows(8))
    return {
        "float32": folder / "plain" / "litert" / "float32.tflite",
        "naive_int8": folder / "naive.tflite",
        "calibrated_int8": folder / "plain" / "litert" / "int8.tflite",
        "all_int8": folder / "all" / "litert" / "int8.tflite",
        "products_int8": folder / "products" / "litert" / "int8.tflite",
        "int4": folder / "plain" / "litert" / "int4.tflite",
    }


def main() -> None:
    """Make and time the files."""
    with tempfile.TemporaryDirectory() as temporary:
        paths = files(Path(temporary))
        figures: dict[str, Any] = timed(paths)
        for name, path in paths.items():
            figures[name] |= {"partitions": partitions(path), "bytes": path.stat().st_size}
    RESULTS.write_text(
        json.dumps({"command": "python benchmarks/edge_forms.py", "forms": figures}, indent=2)
        + "\n"
    )


if __name__ == "__main__":
    main()
