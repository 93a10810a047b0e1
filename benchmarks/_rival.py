"""A rival of rival.py in its own environment: makes its files, or answers with one of them.

    python _rival.py convert RIVAL RUN FOLDER   # writes FOLDER/<kind>.<suffix>
    python _rival.py serve RIVAL FILE PACKAGE ...   # a JSON line of ids in, one of logits out

`RIVAL` is a script of rivals/: what a user writes. `PACKAGE` are those whose versions are printed.
"""

import importlib.metadata
import importlib.util
import json
import os
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent


def script(name):
    """Return the module of a rival; not by its name, which is that of a package it imports."""
    spec = importlib.util.spec_from_file_location(f"rival_{name}", HERE / f"rivals/{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def peak_megabytes():
    """Return the peak of the memory of this process (ru_maxrss holds the parent's as well)."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


def convert(rival, run, folder):
    from _rival_model import trained

    script(rival).convert(trained(run), folder)


def serve(rival, file, *packages):
    replies = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # libraries print on the standard output
    answer = script(rival).load(file)
    versions = {name: importlib.metadata.version(name) for name in packages}
    print(json.dumps(versions), file=replies, flush=True)
    for line in sys.stdin:
        ids = json.loads(line)
        cpu, wall = time.process_time(), time.perf_counter()
        logits = answer(ids)
        spent = {"cpu": time.process_time() - cpu, "wall": time.perf_counter() - wall}
        reply = {**spent, "logits": logits.tolist(), "peak_mb": peak_megabytes()}
        print(json.dumps(reply), file=replies, flush=True)


if __name__ == "__main__":
    {"convert": convert, "serve": serve}[sys.argv[1]](*sys.argv[2:])
