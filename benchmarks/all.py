"""All benchmarks against peers, one after the other.

    python -m venv /tmp/peers
    /tmp/peers/bin/pip install -r benchmarks/requirements.txt
    python benchmarks/all.py --peers-python /tmp/peers/bin/python
    python -m tools.tables   # writes RESULTS.md and the README of what was measured

Runs that are measured are trained first, if they are not there.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
from pathlib import Path

import _versus

HERE = Path(__file__).resolve().parent
RUNS = ("intents_bert_sample", "translation_lstm_sample", "translation_lstm_sample_qat8")


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--peers-python", required=True, help="of benchmarks/requirements.txt")
    return parser.parse_args()


def measure(python):
    """Run every script, in turn: two at once would measure each other."""
    environment = {**os.environ, "PYTHONPATH": str(HERE.parent)}

    def run(*command):
        print("$ python", *command, flush=True)
        subprocess.run([sys.executable, *command], check=True, env=environment)

    for name in RUNS:
        if not Path("saved_models", name, "manifest.json").exists():
            run("-m", "tfapps", "run", str(HERE.parent / f"configs/{name}.yaml"))
    for script in ("train_step", "bilstm_step", "seq2seq_step"):
        run(str(HERE / f"{script}.py"), "--torch-python", python)
    translations = [f"saved_models/{name}" for name in RUNS[1:]]
    run(str(HERE / "seq2seq_latency.py"), *translations, "--torch-python", python)
    for script in ("inference", "lengths", "pipeline", "startup"):
        run(str(HERE / f"{script}.py"), "--peers-python", python)


def machine():
    """Return what the figures are measured on."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {
        "command": "python benchmarks/all.py --peers-python PYTHON",
        "processor": _versus.processor(),
        "cores": os.cpu_count(),
        "memory_gb": round(memory),
        "python": platform.python_version(),
    }


def main():
    measure(arguments().peers_python)
    text = json.dumps(machine(), indent=2) + "\n"
    (HERE / "results/machine.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
