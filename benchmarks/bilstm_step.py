"""One training step of our BiLSTM classifier against the same architecture in PyTorch.

    python benchmarks/bilstm_step.py --torch-python /tmp/peers/bin/python

Both start from the same weights: embeddings, one bidirectional LSTM, the largest state of each
channel, a head; AdamW, gradients clipped to 1.0, the same random ids without padding. The steps of
the two alternate in one run; trust the ratio of CPU time.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np
from _step import Ours, classified, common, compare
from _versus import HERE, Peer

import tfapps  # noqa: F401 - chooses the backend of Keras

RATE = 1e-3


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    common(parser, HERE / "results/bilstm_step.json")
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--length", type=int, default=32)
    parser.add_argument("--words", type=int, default=8000)
    parser.add_argument("--width", type=int, default=200)
    parser.add_argument("--units", type=int, default=128)
    parser.add_argument("--classes", type=int, default=77)
    return parser.parse_args()


def ours(options, arrays, weights_file):
    def make():
        import keras

        from tfapps.graph import weights
        from tfapps.models import bilstm

        sizes = {"embedding_size": options.width, "units": options.units}
        config = bilstm.Config(**sizes, dropout=0.0, pooling="max")
        encoder = bilstm.build(config, vocabulary_size=options.words)
        head = keras.layers.Dense(options.classes, name="head")
        model = keras.Model(encoder.input, head(encoder.output["pooled"]))
        weights.save(model, weights_file)
        return model, classified

    features = {"token_ids": arrays["ids"], "padding_mask": np.ones_like(arrays["ids"])}
    return Ours(make, features, {"label": arrays["y"]}, rate=RATE, threads=options.threads)


def main():
    options = arguments()
    draw = np.random.default_rng(0)
    arrays = {
        "ids": draw.integers(4, options.words, (options.batch, options.length), dtype="int32"),
        "y": draw.integers(0, options.classes, options.batch, dtype="int32"),
    }
    with tempfile.TemporaryDirectory() as folder:
        data, weights_file = Path(folder) / "data.npz", Path(folder) / "weights.safetensors"
        np.savez(data, **arrays)
        sides = [ours(options, arrays, weights_file)]
        if options.torch_python:
            settings = {"threads": options.threads, "rate": RATE, "data": str(data)}
            settings["weights"] = str(weights_file)
            sides.append(Peer(options.torch_python, "_torch_bilstm.py", settings))
        compare(options, ("words", "width", "units", "classes"), sides)


if __name__ == "__main__":
    main()
