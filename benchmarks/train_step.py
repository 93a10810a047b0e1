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
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import numpy as np

HERE = Path(__file__).resolve().parent
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


class Peer:
    """transformers on PyTorch in a process of its own."""

    name = "pytorch"

    def __init__(self, options, arrays, folder):
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
        command = [options.torch_python, str(HERE / "_torch_peer.py"), json.dumps(settings)]
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            # Passive: a thread that spins while it waits would count as CPU time of the step.
            env={
                **os.environ,
                "OMP_NUM_THREADS": str(options.threads),
                "OMP_WAIT_POLICY": "PASSIVE",
            },
        )
        self.versions = self._read()

    def _read(self):
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit("error: the PyTorch process ended; its message is above")
        return json.loads(line)

    def __call__(self):
        self.process.stdin.write("step\n")
        self.process.stdin.flush()
        return self._read()

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def processor():
    """Name and widest vectors of the CPU: which kernels either side takes depends on them."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    found = {key.strip(): value.strip() for key, _, value in (x.partition(":") for x in lines)}
    vectors = next((v for v in ("avx512f", "avx2") if v in found.get("flags", "").split()), "sse")
    return f"{found.get('model name', platform.machine())}, {vectors}"


def summary(rows):
    return {
        "cpu_seconds": round(median(row["cpu"] for row in rows), 3),
        "wall_seconds": round(median(row["wall"] for row in rows), 3),
        "first_loss": round(rows[0]["loss"], 4),
        "last_loss": round(rows[-1]["loss"], 4),
    }


def ratio(ours, theirs, key):
    """Median of the ratios of neighbouring steps."""
    return round(median(a[key] / b[key] for a, b in zip(ours, theirs, strict=True)), 3)


def main():
    options = arguments()
    arrays = data(options)
    with tempfile.TemporaryDirectory() as folder:
        sides = [Ours(options, arrays)]
        if options.torch_python:
            sides.append(Peer(options, arrays, folder))
        rows = {side.name: [] for side in sides}
        for number in range(options.warmup + options.steps):
            for side in sides:
                rows[side.name].append(side())
            print(f"step {number}", *(f"{rows[s.name][-1]['cpu']:.2f}" for s in sides), flush=True)
        if options.profile:
            import tensorflow as tf

            with tf.profiler.experimental.Profile(str(options.profile)):
                sides[0]()
        if options.torch_python:
            sides[1].close()
    report = {
        "command": "python benchmarks/train_step.py " + " ".join(sys.argv[1:]),
        "setting": {k: getattr(options, k) for k in ("batch", "length", "dropout", "threads")},
        "processor": processor(),
        "versions": {k: v for side in sides for k, v in side.versions.items()},
        "steps": options.steps,
    }
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
        for key in ("cpu", "wall"):
            report[f"{key}_ratio"] = ratio(ours, theirs, key)
        print(f"ratio     {report['cpu_ratio']:>8}{report['wall_ratio']:>8}   (ours / PyTorch)")
        options.output.parent.mkdir(parents=True, exist_ok=True)
        options.output.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
