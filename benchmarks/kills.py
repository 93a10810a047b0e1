"""Kill a run at random moments; does the same command always end with the same weights?

    python benchmarks/kills.py --kills 50 --jobs 2

A small run (BERT of 2 layers, pruned and quantized, two files exported) is done in peace.
Then it is started again in a new folder, killed by SIGKILL after a random time, in training,
compression, export or while the bundle is written, and started once more; as often as asked,
several at once. A run that ended before its kill is not counted: it is tried again, killed earlier.
Counts the finishes whose weights are the same bit for bit. Writes `benchmarks/results/kills.json`.
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
from concurrent.futures import ThreadPoolExecutor, as_completed
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
    """Return the run in a folder of its own."""
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
    """Return the digest of the weights in the finished bundle."""
    data = (folder / "saved_models/killed/weights.safetensors").read_bytes()
    return hashlib.sha256(data).hexdigest()


def stage(folder: Path) -> str:
    """Return what the run was doing, by the last line of its log that tells."""
    words = ("exporting", "verifying", "compressing", "epoch")
    for line in reversed((folder / "log").read_text(errors="replace").splitlines()):
        for word in words:
            if line.startswith(word):
                return word
    return "start"


def whole(folder: Path) -> tuple[float, str]:
    """Return the seconds of an undisturbed run, and the digest of its weights."""
    begun = time.monotonic()
    if started(folder).wait():
        raise SystemExit((folder / "log").read_text())
    return time.monotonic() - begun, digest(folder)


def kill(folder: Path, seconds: float) -> str:
    """Start a run and kill it within `seconds`; what it was doing."""
    while True:
        shutil.rmtree(folder, ignore_errors=True)
        process = started(folder)
        time.sleep(seconds)
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
            process.wait()
            return stage(folder)
        seconds *= 0.9


def killed(folder: Path, seconds: float, expected: str) -> tuple[str, str]:
    """Return what the run was doing when it was killed, and how the next one ended."""
    where = kill(folder, seconds)
    code = started(folder).wait()
    if code:
        last = (folder / "log").read_text(errors="replace").splitlines()[-1:]
        return where, f"exit code {code}, {last}"
    verdict = "same" if digest(folder) == expected else "DIFFERENT"
    shutil.rmtree(folder)
    return where, verdict


def main() -> None:
    """Kill runs, finish them, compare and count."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--jobs", type=int, default=1, help="how many runs at once")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", type=Path, default=HERE / "results/kills.json")
    options = parser.parse_args()
    draw = random.Random(options.seed)
    same, stages = 0, {}
    with tempfile.TemporaryDirectory() as place, ThreadPoolExecutor(options.jobs) as pool:
        peace = list(pool.map(whole, [Path(place) / f"whole{i}" for i in range(options.jobs)]))
        seconds, expected = peace[0]
        if any(other != expected for _, other in peace):
            raise SystemExit("runs that nobody kills end with different weights")
        work = [
            pool.submit(killed, Path(place) / f"{i}", draw.uniform(0.2, 1.0) * seconds, expected)
            for i in range(options.kills)
        ]
        for number, done in enumerate(as_completed(work), 1):
            where, verdict = done.result()
            same += verdict == "same"
            stages[where] = stages.get(where, 0) + 1
            print(
                f"kill {number} of {options.kills}, {where}: {verdict}; {same} the same", flush=True
            )
    command = " ".join(["python benchmarks/kills.py", *sys.argv[1:]])
    figures = {"kills": options.kills, "same_weights": same, "killed_in": stages}
    write(options.output, {"command": command, "processor": processor(), **figures})
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
