"""Forward and backward pass of one LSTM layer in all forms it could be trained in.

    python benchmarks/lstm_forms.py

`keras` is `keras.layers.LSTM` (a loop that multiplies input and state place by place), `ours` is
`tfapps.layers.lstm.LSTM` (the input of all places in one product before the loop), both as a loop,
unrolled for the one length, and compiled by XLA. On a GPU `ours` is the fused kernel of cuDNN, as
`keras` is. The forms take turns in one run; the first pass, which traces and compiles, is told
apart.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
from _versus import HERE, header, middle, take_turns, write

import tfapps  # noqa: F401 - chooses the backend of Keras

SETTING = ("batch", "length", "width", "units", "threads", "rounds")


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--length", type=int, default=16)
    parser.add_argument("--width", type=int, default=256)
    parser.add_argument("--units", type=int, default=512)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--output", type=Path, default=HERE / "results/lstm_forms.json")
    return parser.parse_args()


class Form:
    """One pass over fixed input; what it gives is compared with the first form's."""

    def __init__(self, name, layer, x, xla=False):
        import keras
        import tensorflow as tf

        self.name, self.x = name, tf.constant(x)
        self.versions = {"tensorflow": tf.__version__, "keras": keras.__version__}
        layer.build(x.shape)

        @tf.function(jit_compile=xla)
        def passes(x):
            with tf.GradientTape() as tape:
                tape.watch(x)
                loss = tf.reduce_sum(tf.square(layer(x, training=True)))
            weights = [weight.value for weight in layer.trainable_weights]
            return loss, tape.gradient(loss, [x, *weights])

        self.passes = passes

    def __call__(self):
        cpu, wall = time.process_time(), time.perf_counter()
        loss, _ = self.passes(self.x)
        loss = float(loss)
        return {
            "cpu": time.process_time() - cpu,
            "wall": time.perf_counter() - wall,
            "loss": loss,
        }


def forms(options):
    import keras
    import tensorflow as tf

    from tfapps.layers.lstm import LSTM

    tf.config.threading.set_intra_op_parallelism_threads(options.threads)
    random = np.random.default_rng(0)
    x = random.normal(size=(options.batch, options.length, options.width)).astype("float32")
    forms_made = []
    for name, kind in (("keras", keras.layers.LSTM), ("ours", LSTM)):
        for form, settings, xla in (
            ("loop", {}, False),
            ("unrolled", {"unroll": True}, False),
            ("loop, XLA", {"use_cudnn": False}, True),
        ):
            keras.utils.set_random_seed(0)
            layer = kind(options.units, return_sequences=True, **settings)
            forms_made.append(Form(f"{name}, {form}", layer, x, xla))
    return forms_made


def main():
    options = arguments()
    sides = forms(options)
    rows = take_turns(sides, 3, options.rounds)
    report = header(options, SETTING, sides[:1])
    for name, every in rows.items():
        report[name] = {
            "cpu_ms": round(1e3 * middle(every[3:], "cpu", 6), 1),
            "wall_ms": round(1e3 * middle(every[3:], "wall", 6), 1),
            "first_seconds": round(every[0]["wall"], 1),
            "loss": round(every[0]["loss"], 3),
        }
        print(f"{name:18}", report[name])
    write(options.output, report)


if __name__ == "__main__":
    main()
