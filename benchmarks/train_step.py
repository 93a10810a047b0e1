"""One fine-tuning step of our BERT against Hugging Face transformers on PyTorch.

    python -m venv /tmp/torchenv
    /tmp/torchenv/bin/pip install torch==2.13.0 transformers safetensors
    python benchmarks/train_step.py --torch-python /tmp/torchenv/bin/python

Both start from the minilm_l6 weights, mean pooling, a head over 77 classes, dropout 0.1, AdamW,
gradients clipped to 1.0, the same random ids without padding. The steps of the two alternate in one
run, so that whatever else the machine does hits both; trust the ratio of CPU time, not the seconds.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
from _versus import HERE, Peer, header, middle, ratios, take_turns, write

VOCABULARY, CLASSES, RATE = 30522, 77, 5e-5


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--torch-python", help="a Python with torch and transformers")
    parser.add_argument("--steps", type=int, default=15)
    parser.add_argument("--warmup", type=int, default=3)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--length", type=int, default=64)
    parser.add_argument("--dropout", type=float, default=0.1)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--profile", type=Path, help="write a TensorFlow profile of ours there")
    parser.add_argument("--output", type=Path, default=HERE / "results/train_step.json")
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


class Ours:
    """Our encoder under the step that `tfapps train` takes."""

    name = "tfapps"

    def __init__(self, options, arrays):
        import keras
        import tensorflow as tf

        tf.config.threading.set_intra_op_parallelism_threads(options.threads)
        from tfapps.models import bert
        from tfapps.train import optimizer, step, strategy

        keras.utils.set_random_seed(0)
        config = bert.Config(preset="minilm_l6", dropout=options.dropout)
        encoder = bert.build(config, vocabulary_size=VOCABULARY)
        bert.load_pretrained(config, encoder)
        head = keras.layers.Dense(CLASSES, name="head")
        model = keras.Model(encoder.input, head(encoder.output["pooled"]))
        head.kernel.assign(arrays["kernel"])

        def objective(model, features, targets, training):
            logits = model(features, training=training)
            losses = keras.losses.sparse_categorical_crossentropy(
                targets["label"], logits, from_logits=True
            )
            return losses, logits

        features = {
            "token_ids": arrays["ids"],
            "padding_mask": arrays["mask"],
            "segment_ids": np.zeros_like(arrays["ids"]),
        }
        weight = np.ones(options.batch, "float32")
        self.batch = tf.nest.map_structure(tf.constant, (features, {"label": arrays["y"]}, weight))
        spec = tf.nest.map_structure(self._spec, self.batch)
        self.step = step.Step(
            model,
            objective,
            optimizer.make(RATE, weight_decay=0.01),
            strategy.make("one_device"),
            spec=spec,
            rows=options.batch,
            clip_norm=1.0,
        )
        self.versions = {"tensorflow": tf.__version__, "keras": keras.__version__}

    @staticmethod
    def _spec(value):
        """Lengths vary from bucket to bucket, so training never sees them as static."""
        import tensorflow as tf

        return tf.TensorSpec([value.shape[0], *[None] * (value.ndim - 1)], value.dtype)

    def __call__(self):
        cpu, wall = time.process_time(), time.perf_counter()
        loss = float(self.step(self.batch)[0])
        return {
            "cpu": time.process_time() - cpu,
            "wall": time.perf_counter() - wall,
            "loss": loss,
        }


def summary(rows):
    return {
        "cpu_seconds": middle(rows, "cpu", 3),
        "wall_seconds": middle(rows, "wall", 3),
        "first_loss": round(rows[0]["loss"], 4),
        "last_loss": round(rows[-1]["loss"], 4),
    }


def peer(options, arrays, folder):
    """transformers on PyTorch."""
    from tfapps.presets import locate

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
        sides = [Ours(options, arrays)]
        if options.torch_python:
            sides.append(peer(options, arrays, folder))
        rows = take_turns(sides, options.warmup, options.steps)
        if options.profile:
            import tensorflow as tf

            with tf.profiler.experimental.Profile(str(options.profile)):
                sides[0]()
        if options.torch_python:
            sides[1].close()
    report = header(options, ("batch", "length", "dropout", "threads", "steps"), sides)
    print(f"\n{'':10}{'CPU s':>8}{'wall s':>8}{'first loss':>12}{'last loss':>12}")
    for name, all_rows in rows.items():
        report[name] = found = {
            **summary(all_rows[options.warmup :]),
            "first_loss": round(all_rows[0]["loss"], 4),
        }
        print(
            f"{name:10}"
            + "".join(f"{v:>{w}}" for v, w in zip(found.values(), (8, 8, 12, 12), strict=True))
        )
    if options.torch_python:
        ours, theirs = (rows[side.name][options.warmup :] for side in sides)
        report |= {f"{key}_ratio": ratios(ours, theirs, key) for key in ("cpu", "wall")}
        print("ours / PyTorch:", report["cpu_ratio"], "CPU,", report["wall_ratio"], "wall")
        write(options.output, report)


if __name__ == "__main__":
    main()
