"""One fine-tuning step of our BERT against Hugging Face transformers on PyTorch.

    python -m venv /tmp/peers
    /tmp/peers/bin/pip install -r benchmarks/requirements.txt
    python benchmarks/train_step.py --torch-python /tmp/peers/bin/python

Both start from the minilm_l6 weights, mean pooling, a head over 77 classes, dropout 0.1, AdamW,
gradients clipped to 1.0, the same random ids without padding. The steps of the two alternate in one
run, so that whatever else the machine does hits both; trust the ratio of CPU time, not the seconds.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np
from _step import Ours, classified, common, compare
from _versus import HERE, Peer

import tfapps  # noqa: F401 - chooses the backend of Keras

VOCABULARY, CLASSES, RATE = 30522, 77, 5e-5


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    common(parser, HERE / "results/train_step.json")
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--length", type=int, default=64)
    parser.add_argument("--dropout", type=float, default=0.1)
    parser.add_argument("--profile", type=Path, help="write a TensorFlow profile of ours there")
    return parser.parse_args()


def data(options):
    draw = np.random.default_rng(0)
    shape = (options.batch, options.length)
    return {
        "ids": draw.integers(1000, VOCABULARY, shape, dtype="int32"),
        "mask": np.ones(shape, "int32"),
        "y": draw.integers(0, CLASSES, options.batch, dtype="int32"),
        "kernel": draw.normal(0, 0.02, (384, CLASSES)).astype("float32"),
    }


def ours(options, arrays):
    def make():
        import keras

        from tfapps.models import bert

        config = bert.Config(preset="minilm_l6", dropout=options.dropout)
        encoder = bert.build(config, vocabulary_size=VOCABULARY)
        bert.load_pretrained(config, encoder)
        head = keras.layers.Dense(CLASSES, name="head")
        model = keras.Model(encoder.input, head(encoder.output["pooled"]))
        head.kernel.assign(arrays["kernel"])
        return model, classified

    features = {"token_ids": arrays["ids"], "padding_mask": arrays["mask"]}
    features["segment_ids"] = np.zeros_like(arrays["ids"])
    return Ours(make, features, {"label": arrays["y"]}, rate=RATE, threads=options.threads)


def peer(options, arrays, folder):
    """Run transformers on PyTorch."""
    from tfapps.presets.presets import locate

    path = Path(folder) / "data.npz"
    np.savez(path, **arrays)
    settings = {
        "threads": options.threads,
        "data": str(path),
        "folder": str(locate("minilm_l6")),
        "classes": CLASSES,
        "dropout": options.dropout,
        "rate": RATE,
    }
    return Peer(options.torch_python, "_torch_peer.py", settings)


def main():
    options = arguments()
    arrays = data(options)
    with tempfile.TemporaryDirectory() as folder:
        sides = [ours(options, arrays)]
        if options.torch_python:
            sides.append(peer(options, arrays, folder))
        compare(options, ("dropout",), sides)
    if options.profile:
        import tensorflow as tf

        with tf.profiler.experimental.Profile(str(options.profile)):
            sides[0]()


if __name__ == "__main__":
    main()
