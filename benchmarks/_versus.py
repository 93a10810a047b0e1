"""Two sides that take turns in one run: ours here, the peer in a process of its own."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from pathlib import Path
from statistics import median

HERE = Path(__file__).resolve().parent
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")  # as `tfapps` does, before TensorFlow is there


class Peer:
    """A script in another Python that does one job for every line it reads, and says what it took.

    Args:
        python: with the peer's packages.
        script: beside this file.
        settings: of the script, with `threads`.
    """

    name = "pytorch"

    def __init__(self, python, script, settings):
        self.process = subprocess.Popen(
            [python, str(HERE / script), json.dumps(settings)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            # Passive: a thread that spins while it waits would count as CPU time of the job.
            env={
                **os.environ,
                "OMP_NUM_THREADS": str(settings["threads"]),
                "OMP_WAIT_POLICY": "PASSIVE",
            },
        )
        self.versions = self._read()

    def _read(self):
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit("error: the peer's process ended; its message is above")
        return json.loads(line)

    def __call__(self):
        self.process.stdin.write("go\n")
        self.process.stdin.flush()
        return self._read()

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def processor():
    """Return name and widest vectors of the CPU, on which the kernels of both sides depend."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    fields = {key.strip(): value.strip() for key, _, value in (x.partition(":") for x in lines)}
    vectors = next((v for v in ("avx512f", "avx2") if v in fields.get("flags", "").split()), "sse")
    return f"{fields.get('model name', platform.machine())}, {vectors}"


def take_turns(sides, warmup, rounds):
    """Return {name: the times of all rounds}, the first `warmup` of them included."""
    rows = {side.name: [] for side in sides}
    for number in range(warmup + rounds):
        for side in sides:
            rows[side.name].append(side())
        print(f"{number}", *(f"{rows[s.name][-1]['cpu']:.3f}" for s in sides), flush=True)
    return rows


def middle(rows, key, digits=4):
    return round(median(row[key] for row in rows), digits)


def ratios(ours, theirs, key):
    """Return the median of the ratios of neighbouring rounds, and the quarters around it."""
    quotients = sorted(a[key] / b[key] for a, b in zip(ours, theirs, strict=True))
    quarter = len(quotients) // 4
    return {
        "ratio": round(median(quotients), 3),
        "from": round(quotients[quarter], 3),
        "to": round(quotients[-1 - quarter], 3),
    }


def header(options, settings, sides):
    """Return command, setting, machine and versions, for a result file."""
    words = [
        "PYTHON" if option.endswith("-python") else word
        for option, word in zip(sys.argv, sys.argv[1:], strict=False)
    ]
    return {
        "command": " ".join(["python", f"benchmarks/{Path(sys.argv[0]).name}", *words]),
        "setting": {key: getattr(options, key) for key in settings},
        "processor": processor(),
        "versions": {k: v for side in sides for k, v in side.versions.items()},
    }


def write(path, report):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
