"""From nothing to the first answer: time and memory of a process that answers one text.

    python benchmarks/startup.py --peers-python /tmp/peers/bin/python

Ours opens a finished run and hashes what it reads; the peers load a model of the same shape: ONNX
Runtime with tokenizers and transformers on PyTorch. Fresh processes, in turns. The first of each,
which compiles Python files and packs weights for the cache, is not counted.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from _versus import HERE, Peer, header, middle, ratios, write

KEYS = ("cpu", "wall", "megabytes")
TEXT = "My parcel has not arrived yet."
TFAPPS = """
from tfapps.serve.predictor import Predictor
print(Predictor.open({run!r}, {artifact!r})([{text!r}]))
"""
ONNX = """
import numpy as np, onnxruntime, tokenizers
tokenizer = tokenizers.Tokenizer.from_file({folder!r} + "/tokenizer.json")
session = onnxruntime.InferenceSession({work!r} + "/float32.onnx")
ids = np.array([tokenizer.encode({text!r}).ids], np.int64)
print(session.run(None, {{"ids": ids, "mask": np.ones_like(ids)}})[0].argmax())
"""
TORCH = """
import transformers
tokenizer = transformers.AutoTokenizer.from_pretrained({folder!r})
model = transformers.AutoModelForSequenceClassification.from_pretrained({folder!r}, num_labels=77)
print(model(**tokenizer({text!r}, return_tensors="pt")).logits.argmax())
"""


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--peers-python", required=True, help="of benchmarks/requirements.txt")
    parser.add_argument("--run", default="saved_models/intents_bert_sample", help="on minilm_l6")
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--output", type=Path, default=HERE / "results/startup.json")
    return parser.parse_args()


class Fresh:
    """A program in a process of its own, each time."""

    def __init__(self, name, python, program):
        self.name, self.command, self.versions = name, [python, "-c", program], {}

    def __call__(self):
        environment = {**os.environ, "PYTHONPATH": str(HERE.parent), "TF_CPP_MIN_LOG_LEVEL": "3"}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)  # an installed package is compiled
        start = time.perf_counter()
        with subprocess.Popen(
            self.command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        ) as process:
            errors = process.stderr.read()
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise SystemExit(f"error: {self.name}: {errors.decode()[-500:]}")
        cpu = usage.ru_utime + usage.ru_stime
        return {"cpu": cpu, "wall": time.perf_counter() - start, "megabytes": usage.ru_maxrss / 1e3}


def main():
    options = arguments()
    from tfapps.presets.presets import locate

    with tempfile.TemporaryDirectory() as work:
        ids = np.ones((1, 8), "int32")
        kernel = np.zeros((384, 77), "float32")
        np.savez(f"{work}/data.npz", ids=ids, mask=ids, kernel=kernel)
        request = {
            "folder": str(locate("minilm_l6")),
            "work": work,
            "text": TEXT,
            "run": options.run,
        }
        settings = {
            **request,
            "engine": "onnx",
            "precision": "float32",
            "threads": 1,
            "classes": 77,
        }
        maker = Peer(
            options.peers_python, "_serving_peer.py", {**settings, "data": f"{work}/data.npz"}
        )
        maker.close()  # it has made the ONNX file
        sides = [
            *(
                Fresh(artifact, sys.executable, TFAPPS.format(**request, artifact=artifact))
                for artifact in ("litert_float32", "litert_dynamic", "keras")
            ),
            Fresh("onnxruntime", options.peers_python, ONNX.format(**request)),
            Fresh("transformers", options.peers_python, TORCH.format(**request)),
        ]
        rows = {side.name: [] for side in sides}
        for number in range(options.rounds + 1):
            for side in sides:
                rows[side.name].append(side())
            print(number, flush=True)
    rows = {name: timed[1:] for name, timed in rows.items()}  # files were read for the first time
    report = header(options, ("run", "rounds"), [maker])
    report["sides"] = {
        name: {key: middle(timed, key, 2) for key in KEYS} for name, timed in rows.items()
    }
    report["ratios"] = {
        f"{own} / {theirs}": {key: ratios(rows[own], rows[theirs], key) for key in KEYS}
        for own, theirs in (
            ("litert_float32", "onnxruntime"),
            ("litert_dynamic", "onnxruntime"),
            ("keras", "transformers"),
        )
    }
    print(report["sides"], report["ratios"])
    write(options.output, report)


if __name__ == "__main__":
    main()
