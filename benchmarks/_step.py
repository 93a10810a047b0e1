"""A training step of ours against a peer's: what the step benchmarks share."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
from _versus import header, middle, ratios, take_turns, write

import tfapps  # noqa: F401 - chooses the backend of Keras


class Ours:
    """A model under the step that `tfapps train` takes.

    Args:
        model: () -> (model, objective); called once the threads are set.
    """

    name = "tfapps"

    def __init__(self, make, features, targets, *, rate, threads):
        import keras
        import tensorflow as tf

        tf.config.threading.set_intra_op_parallelism_threads(threads)
        from tfapps.train import step, strategy
        from tfapps.train.optimizers import make as optimizer

        keras.utils.set_random_seed(0)
        model, objective = make()
        rows = len(next(iter(features.values())))
        batch = (features, targets, np.ones(rows, "float32"))
        self.batch = tf.nest.map_structure(tf.constant, batch)
        self.step = step.Step(
            model,
            objective,
            optimizer.make(rate, weight_decay=0.01),
            strategy.make("one_device"),
            spec=tf.nest.map_structure(_open, self.batch),
            rows=rows,
            clip_norm=1.0,
        )
        self.versions = {"tensorflow": tf.__version__, "keras": keras.__version__}

    def __call__(self):
        cpu, wall = time.process_time(), time.perf_counter()
        loss = float(self.step(self.batch)[0])
        spent = {"cpu": time.process_time() - cpu, "wall": time.perf_counter() - wall}
        return {**spent, "loss": loss}


def _open(value):
    """Leave lengths open: they vary by bucket, so training never sees them as static."""
    import tensorflow as tf

    return tf.TensorSpec([value.shape[0], *[None] * (len(value.shape) - 1)], value.dtype)


def classified(model, features, targets, training):
    """Return the objective of the classifiers: (loss of each row, logits)."""
    import keras

    logits = model(features, training=training)
    losses = keras.losses.sparse_categorical_crossentropy(
        targets["label"], logits, from_logits=True
    )
    return losses, logits


def common(parser, output):
    """Declare what all step benchmarks can be told."""
    parser.add_argument("--torch-python", help="a Python of benchmarks/requirements.txt")
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--warmup", type=int, default=4)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--output", type=Path, default=output)


def compare(options, setting, sides):
    """Have the sides take turns; print and write what a step of each takes, and the ratios."""
    rows = take_turns(sides, options.warmup, options.steps)
    tokens = options.batch * options.length
    report = header(options, (*setting, "batch", "length", "threads", "steps"), sides)
    for name, every in rows.items():
        timed = every[options.warmup :]
        report[name] = {
            "cpu_seconds": middle(timed, "cpu"),
            "wall_seconds": middle(timed, "wall"),
            "tokens_per_second": round(tokens / middle(timed, "wall", 6)),
            "first_loss": round(every[0]["loss"], 4),
            "last_loss": round(every[-1]["loss"], 4),
        }
        print(f"{name:10}", report[name])
    if len(sides) == 2:
        sides[1].close()
        ours, theirs = (rows[side.name][options.warmup :] for side in sides)
        report |= {f"{key}_ratio": ratios(ours, theirs, key) for key in ("cpu", "wall")}
        print("ours / peer:", report["cpu_ratio"], "CPU,", report["wall_ratio"], "wall")
        write(options.output, report)
