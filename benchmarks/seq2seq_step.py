"""One training step of our LSTM translator against the same architecture in PyTorch.

    python -m venv /tmp/torchenv
    /tmp/torchenv/bin/pip install torch==2.13.0 safetensors numpy
    python benchmarks/seq2seq_step.py --torch-python /tmp/torchenv/bin/python

Both start from the same weights: a bidirectional encoder, a decoder with dot attention, one table
for source, target and output, label smoothing, AdamW, gradients clipped to 1.0, the same random ids
without padding. The steps of the two alternate in one run; trust the ratio of CPU time.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
from _versus import HERE, Peer, header, middle, ratios, take_turns, write

RATE, SMOOTHING = 1e-3, 0.1
SETTING = ("batch", "length", "words", "width", "units", "dropout", "threads", "steps")


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--torch-python", required=True, help="a Python with torch")
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--warmup", type=int, default=5)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--length", type=int, default=16)
    parser.add_argument("--words", type=int, default=6000)
    parser.add_argument("--width", type=int, default=256)
    parser.add_argument("--units", type=int, default=512)
    parser.add_argument("--dropout", type=float, default=0.0)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--output", type=Path, default=HERE / "results/seq2seq_step.json")
    return parser.parse_args()


class Ours:
    """Our translator under the step that `tfapps train` takes."""

    name = "tfapps"

    def __init__(self, options, arrays, weights_file):
        import keras
        import tensorflow as tf

        tf.config.threading.set_intra_op_parallelism_threads(options.threads)
        from tfapps import weights
        from tfapps.metrics.cross_entropy import sequence_cross_entropy
        from tfapps.models import seq2seq_lstm
        from tfapps.train import optimizer, step, strategy

        keras.utils.set_random_seed(0)
        config = seq2seq_lstm.Config(
            embedding_size=options.width, units=options.units, tie="all", dropout=options.dropout
        )
        model = seq2seq_lstm.build(config, vocabulary_size=options.words)
        weights.save(model, weights_file)

        def objective(model, features, targets, training):
            logits = model(features, training=training)["logits"]
            return sequence_cross_entropy(logits, targets["y"], SMOOTHING), logits

        features = {
            "token_ids": arrays["s"],
            "padding_mask": np.ones_like(arrays["s"]),
            "target_ids": arrays["t"],
        }
        weight = np.ones(options.batch, "float32")
        self.batch = tf.nest.map_structure(tf.constant, (features, {"y": arrays["y"]}, weight))
        self.step = step.Step(
            model,
            objective,
            optimizer.make(RATE, weight_decay=0.01),
            strategy.make("one_device"),
            spec=tf.nest.map_structure(_open, self.batch),
            rows=options.batch,
            clip_norm=1.0,
        )
        self.versions = {"tensorflow": tf.__version__, "keras": keras.__version__}

    def __call__(self):
        cpu, wall = time.process_time(), time.perf_counter()
        loss = float(self.step(self.batch)[0])
        return {
            "cpu": time.process_time() - cpu,
            "wall": time.perf_counter() - wall,
            "loss": loss,
        }


def _open(value):
    """Lengths vary from bucket to bucket, so training never sees them as static."""
    import tensorflow as tf

    return tf.TensorSpec([value.shape[0], *[None] * (len(value.shape) - 1)], value.dtype)


def main():
    options = arguments()
    draw = np.random.default_rng(0)
    shape = (options.batch, options.length)
    arrays = {k: draw.integers(4, options.words, shape, dtype="int32") for k in ("s", "t", "y")}
    with tempfile.TemporaryDirectory() as folder:
        data, weights_file = Path(folder) / "data.npz", Path(folder) / "weights.safetensors"
        np.savez(data, **arrays)
        ours = Ours(options, arrays, weights_file)
        settings = {k: getattr(options, k) for k in ("threads", "words", "width", "units")}
        settings |= {"dropout": options.dropout, "rate": RATE, "smoothing": SMOOTHING}
        settings |= {"data": str(data), "weights": str(weights_file)}
        sides = [ours, Peer(options.torch_python, "_torch_seq2seq.py", settings)]
        rows = take_turns(sides, options.warmup, options.steps)
        sides[1].close()
    report = header(options, SETTING, sides)
    tokens = options.batch * options.length
    for name, every in rows.items():
        some = every[options.warmup :]
        report[name] = {
            "cpu_seconds": middle(some, "cpu"),
            "target_tokens_per_second": round(tokens / middle(some, "wall", 6)),
            "first_loss": round(every[0]["loss"], 5),
            "last_loss": round(every[-1]["loss"], 5),
        }
        print(f"{name:10}", report[name])
    mine, theirs = (rows[side.name][options.warmup :] for side in sides)
    report |= {f"{key}_ratio": ratios(mine, theirs, key) for key in ("cpu", "wall")}
    print("ours / PyTorch:", report["cpu_ratio"], "CPU,", report["wall_ratio"], "wall")
    write(options.output, report)


if __name__ == "__main__":
    main()
