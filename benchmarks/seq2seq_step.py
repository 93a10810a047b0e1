"""One training step of our LSTM translator against the same architecture in PyTorch.

    python benchmarks/seq2seq_step.py --torch-python /tmp/peers/bin/python

Both start from the same weights: a bidirectional encoder, a decoder with dot attention, one table
for source, target and output, label smoothing, AdamW, gradients clipped to 1.0, the same random ids
without padding. The steps of the two alternate in one run; trust the ratio of CPU time.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np
from _step import Ours, common, compare
from _versus import HERE, Peer

RATE, SMOOTHING = 1e-3, 0.1


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    common(parser, HERE / "results/seq2seq_step.json")
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--length", type=int, default=16)
    parser.add_argument("--words", type=int, default=6000)
    parser.add_argument("--width", type=int, default=256)
    parser.add_argument("--units", type=int, default=512)
    parser.add_argument("--dropout", type=float, default=0.0)
    return parser.parse_args()


def ours(options, arrays, weights_file):
    def make():
        from tfapps.graph import weights
        from tfapps.metrics.cross_entropy import sequence_cross_entropy
        from tfapps.models import seq2seq_lstm

        sizes = {"embedding_size": options.width, "units": options.units}
        config = seq2seq_lstm.Config(**sizes, tie="all", dropout=options.dropout)
        model = seq2seq_lstm.build(config, vocabulary_size=options.words)
        weights.save(model, weights_file)

        def objective(model, features, targets, training):
            logits = model(features, training=training)["logits"]
            return sequence_cross_entropy(logits, targets["y"], SMOOTHING), logits

        return model, objective

    features = {
        "token_ids": arrays["s"],
        "padding_mask": np.ones_like(arrays["s"]),
        "target_ids": arrays["t"],
    }
    return Ours(make, features, {"y": arrays["y"]}, rate=RATE, threads=options.threads)


def main():
    options = arguments()
    draw = np.random.default_rng(0)
    shape = (options.batch, options.length)
    arrays = {k: draw.integers(4, options.words, shape, dtype="int32") for k in ("s", "t", "y")}
    with tempfile.TemporaryDirectory() as folder:
        data, weights_file = Path(folder) / "data.npz", Path(folder) / "weights.safetensors"
        np.savez(data, **arrays)
        sides = [ours(options, arrays, weights_file)]
        if options.torch_python:
            settings = {k: getattr(options, k) for k in ("threads", "words", "width", "units")}
            settings |= {"dropout": options.dropout, "rate": RATE, "smoothing": SMOOTHING}
            settings |= {"data": str(data), "weights": str(weights_file)}
            sides.append(Peer(options.torch_python, "_torch_seq2seq.py", settings))
        compare(options, ("words", "width", "units", "dropout"), sides)


if __name__ == "__main__":
    main()
