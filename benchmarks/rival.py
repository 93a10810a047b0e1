"""One trained classifier through litert-torch, ExecuTorch and ONNX Runtime, beside our own files.

    for name in litert-torch executorch; do
        python -m venv /tmp/$name
        /tmp/$name/bin/pip install -r benchmarks/requirements-$name.txt
    done
    python -m venv /tmp/peers
    /tmp/peers/bin/pip install -r benchmarks/requirements.txt
    R=saved_models/intents_bert_banking77
    for name in "" _qat8 _qat4; do tfapps run configs/intents_bert_banking77$name.yaml; done
    python benchmarks/rival.py $R ${R}_qat8 ${R}_qat4 --litert-torch /tmp/litert-torch/bin/python \
        --executorch /tmp/executorch/bin/python --onnxruntime /tmp/peers/bin/python

The weights of the first run become a BertModel of transformers with a linear layer; each rival
makes its files of that with the few lines of `rivals/`. Every file answers the dev set, one text at
a time, in a process of its own, then all answer texts of 64 and of 16 tokens in turn, each on one
thread. Files of static length compute 64 tokens for any text. Writes
`benchmarks/results/rival.json`, of which `python -m tools.tables` makes the table.
"""

from __future__ import annotations

import argparse
import ast
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from _versus import HERE, header, middle, write

from tfapps.bundle.bundle import Bundle
from tfapps.config import load as configs
from tfapps.runs.prepared import prepare

TOKENS = (64, 16)  # of the texts that are timed
PACKAGES = {
    "tfapps": ("ai-edge-litert",),
    "litert_torch": ("litert-torch", "litert-quantizer", "ai-edge-litert", "torch"),
    "executorch": ("executorch", "torchao", "torch"),
    "onnxruntime": ("onnxruntime", "torch"),
}
SETTING = ("rows", "rounds", "warmup")
THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS")


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path, help="folder of the uncompressed run")
    parser.add_argument("compressed", type=Path, nargs="*", help="folders of runs made from it")
    for name in list(PACKAGES)[1:]:
        flag = f"--{name.replace('_', '-')}"
        parser.add_argument(flag, required=True, metavar="PYTHON", help="with its packages")
    parser.add_argument("--rows", type=int, help="of the dev set; all if left out")
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--warmup", type=int, default=5)
    return parser.parse_args()


def lines(path: Path) -> int:
    """Return the lines of a script, or of a config, without comments, docstring and blank ones."""
    text = path.read_text(encoding="utf-8").splitlines()
    if path.suffix == ".py":
        first = ast.parse("\n".join(text)).body[0]
        text = text[first.end_lineno :]
    return sum(bool(line.strip()) and not line.lstrip().startswith("#") for line in text)


@dataclass
class Side:
    """A file in a process of its own, which answers a text for every line that it reads."""

    rival: str
    kind: str
    path: Path
    python: str
    lines: int
    rows: list[dict[str, Any]] = field(default_factory=list)
    versions: dict[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Return what the file is called in the results."""
        return f"{self.rival} {self.kind}"

    def open(self) -> None:
        """Start the process."""
        packages = PACKAGES[self.rival]
        self.process = subprocess.Popen(
            [self.python, HERE / "_rival.py", "serve", self.rival, self.path, *packages],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env={**os.environ, **dict.fromkeys(THREADS, "1"), "PYTHONPATH": str(HERE.parent)},
        )
        self.versions = self._read()

    def _read(self) -> dict[str, Any]:
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self.name}: the process ended with {self.process.wait()}")
        return json.loads(line)

    def __call__(self, ids: Sequence[int]) -> dict[str, Any]:
        """Return logits, seconds and the peak of the memory so far."""
        self.process.stdin.write(json.dumps(ids) + "\n")
        self.process.stdin.flush()
        return self._read()

    def close(self) -> None:
        """End the process."""
        self.process.stdin.close()
        self.process.wait()


def ours(runs: Sequence[Path]) -> list[Side]:
    """Return our own files: of the uncompressed run the faithful ones, of the others the smaller.

    They are written by the config of the run, which counts as lines of its user.
    """
    kinds = [(runs[0], kind) for kind in ("float32", "dynamic")]
    for run in runs[1:]:
        names = Bundle.open(run).artifacts()
        kinds += [(run, name[7:]) for name in names if name.startswith("litert_int")]
    sides = []
    for run, kind in kinds:
        config = HERE.parent / f"configs/{run.name}.yaml"
        count = lines(HERE / "rivals/tfapps.py") + lines(config)
        path = Bundle.open(run).artifact(f"litert_{kind}")
        suffix = f" of {run.name.rpartition('_')[2]}" if run != runs[0] else ""
        sides.append(Side("tfapps", kind + suffix, path, sys.executable, count))
    return sides


def rivals(
    run: Path, pythons: Mapping[str, str], folder: Path
) -> tuple[list[Side], dict[str, str]]:
    """Return the files of all rivals, and the last line of what failed."""
    sides, errors = [], {}
    for name, python in pythons.items():
        target = folder / name
        target.mkdir()
        command = [python, HERE / "_rival.py", "convert", name, run, target]
        done = subprocess.run(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
        if done.returncode:
            errors[name] = done.stderr.strip().splitlines()[-1]
        count = lines(HERE / f"rivals/{name}.py")
        for path in sorted(target.glob("*.*")):
            if path.stem in ("float32", "dynamic_int8", "int4"):
                sides.append(Side(name, path.stem, path, python, count))
        print(name, [side.kind for side in sides if side.rival == name], errors.get(name, ""))
    return sides, errors


def texts(run: Path, count: int | None) -> tuple[list[list[int]], np.ndarray]:
    """Return the ids of the dev set, without padding, and the labels."""
    bundle = Bundle.open(run)
    prepared = prepare(configs.load(bundle.config_path), bundle)
    arrays, labels = prepared.arrays("dev"), prepared.targets("dev")["label"]
    pairs = zip(arrays["token_ids"], arrays["padding_mask"], strict=True)
    ids = [row[: int(mask.sum())].tolist() for row, mask in pairs]
    return ids[:count], np.asarray(labels)[:count]


def judge(sides: Sequence[Side], ids: Sequence[list[int]], labels: np.ndarray) -> dict[str, Any]:
    """Return accuracy and agreement with our float32 file, which is the first side."""
    reports: dict[str, Any] = {}
    for side in sides:
        logits = np.array([side(row)["logits"] for row in ids])
        if side is sides[0]:
            reference = logits
        answers = logits.argmax(axis=-1)
        reports[side.name] = {
            "lines": side.lines,
            "accuracy": round(float((answers == labels).mean()), 4),
            "agreement": round(float((answers == reference.argmax(axis=-1)).mean()), 4),
            "logit_difference": round(float(np.abs(logits - reference).max()), 4),
            "bytes": side.path.stat().st_size,
        }
        print(side.name, reports[side.name], flush=True)
    return reports


def time_in_turn(sides: Sequence[Side], rounds: int, warmup: int) -> dict[str, dict[str, float]]:
    """Return median milliseconds of one text, and peak memory, of all sides in turn."""
    draw = np.random.default_rng(0)
    figures: dict[str, dict[str, float]] = {side.name: {} for side in sides}
    for tokens in TOKENS:
        ids = draw.integers(1000, 30000, tokens).tolist()
        rows: dict[str, list[dict[str, Any]]] = {side.name: [] for side in sides}
        for _ in range(warmup + rounds):
            for side in sides:
                rows[side.name].append(side(ids))
        for name, timed in rows.items():
            for key in ("wall", "cpu"):
                milliseconds = 1e3 * middle(timed[warmup:], key, 7)
                figures[name][f"{key}_ms_{tokens}"] = round(milliseconds, 2)
            figures[name]["peak_mb"] = round(timed[-1]["peak_mb"])
    return figures


def main() -> None:
    """Make, run and time all files."""
    options = arguments()
    pythons = {name: getattr(options, name) for name in list(PACKAGES)[1:]}
    ids, labels = texts(options.run, options.rows)
    with tempfile.TemporaryDirectory() as folder:
        others, errors = rivals(options.run, pythons, Path(folder))
        sides = [*ours([options.run, *options.compressed]), *others]
        for side in sides:
            side.open()
        report = header(options, SETTING, sides)
        report["setting"] |= {"rows": len(ids), "tokens": TOKENS}
        report["errors"] = errors
        report["sides"] = judge(sides, ids, labels)
        for name, figures in time_in_turn(sides, options.rounds, options.warmup).items():
            report["sides"][name] |= figures
        for side in sides:
            side.close()
    write(HERE / "results/rival.json", report)


if __name__ == "__main__":
    main()
