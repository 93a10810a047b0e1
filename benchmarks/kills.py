"""Kill a run at random moments; does the same command always end with the same weights?

    python benchmarks/kills.py --kills 50

A small run (BERT of 2 layers, pruned and quantized, two files exported) is done once in peace.
Then it is started again in a new folder, killed by SIGKILL after a random time, in training,
compression, export or while the bundle is written, and started once more; as often as asked. Counts
the finishes whose weights are the same bit for bit. Writes `benchmarks/results/kills.json`.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from _versus import HERE, processor, write

CONFIG = """
task: {name: classification}
data: {source: sample, sample: support_intents, limit: 600}
model: {name: bert, size: tiny, max_length: 24}
text: {vocabulary_size: 600}
train: {epochs: 4, batch_size: 16, learning_rate: 1.0e-3, log_every: 2, checkpoint_every: 0}
compress:
  - {name: prune, sparsity: 0.5, epochs: 2}
  - {name: qat, epochs: 2, distill: 0.5}
export: [saved_model, litert_float32]
"""


def started(folder: Path) -> subprocess.Popen:
    """The run in a folder of its own."""
    folder.mkdir(exist_ok=True)
    (folder / "killed.yaml").write_text(CONFIG)
    environment = {**os.environ, "PYTHONPATH": str(HERE.parent)}
    with (folder / "log").open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "tfapps", "run", "killed.yaml"],
            cwd=folder,
            env=environment,
            stdout=log,
            stderr=log,
        )


def digest(folder: Path) -> str:
    """Of the weights in the finished bundle."""
    data = (folder / "saved_models/killed/weights.safetensors").read_bytes()
    return hashlib.sha256(data).hexdigest()


def stage(folder: Path) -> str:
    """What the run was doing, by the last line of its log that tells."""
    words = ("exporting", "verifying", "compressing", "epoch")
    for line in reversed((folder / "log").read_text(errors="replace").splitlines()):
        for word in words:
            if line.startswith(word):
                return word
    return "start"


def main() -> None:
    """Kill, finish, compare, count."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", type=Path, default=HERE / "results/kills.json")
    options = parser.parse_args()
    draw = random.Random(options.seed)
    same, stages = 0, {}
    with tempfile.TemporaryDirectory() as place:
        whole = Path(place) / "whole"
        begun = time.monotonic()
        if started(whole).wait():
            raise SystemExit((whole / "log").read_text())
        seconds, expected = time.monotonic() - begun, digest(whole)
        for number in range(1, options.kills + 1):
            folder = Path(place) / "killed"
            shutil.rmtree(folder, ignore_errors=True)
            process = started(folder)
            time.sleep(draw.uniform(0.2, 1.0) * seconds)
            process.send_signal(signal.SIGKILL)
            process.wait()
            where = stage(folder)
            code = started(folder).wait()
            equal = code == 0 and digest(folder) == expected
            same += equal
            stages[where] = stages.get(where, 0) + 1
            told = "same" if equal else f"DIFFERENT (exit code {code})"
            print(f"kill {number} of {options.kills}, {where}: {told}; {same} the same", flush=True)
    command = " ".join(["python benchmarks/kills.py", *sys.argv[1:]])
    found = {"kills": options.kills, "same_weights": same, "killed_in": stages}
    write(options.output, {"command": command, "processor": processor(), **found})
    print(json.dumps(found))


if __name__ == "__main__":
    main()
