"""What litert-quantizer's recipes lose without training, beside quantization-aware training.

    R=saved_models/intents_bert_banking77
    for name in "" _qat8 _qat4; do tfapps run configs/intents_bert_banking77$name.yaml; done
    python benchmarks/post_training.py $R ${R}_qat8 ${R}_qat4

Every recipe of `_recipes.py` is made of the first run's float32 file, and calibrated on rows of its
training data where it asks for them. These files and those of all runs answer the dev set; all are
compared with the first run's float32 file and timed in turn. Adds the run to
`benchmarks/results/post_training.json`, of which `python -m tools.tables` makes the table.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from _timing import timed
from _versus import HERE, processor, write

from tfapps import registry
from tfapps.assembly.assemble import features
from tfapps.backends.litert import LiteRT, partitions
from tfapps.bundle.bundle import Bundle
from tfapps.config import load as configs
from tfapps.export.parts import embedding
from tfapps.runs.prepared import Prepared, prepare

RESULTS = HERE / "results/post_training.json"
SEED = 0
FLOAT = "litert_float32"
SAME = "litert_int4"  # of an uncompressed run it is the recipe int4_min_max


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path, help="folder of the uncompressed run")
    parser.add_argument("compressed", type=Path, nargs="*", help="folders of runs made from it")
    parser.add_argument("--rows", type=int, default=100, help="of calibration")
    parser.add_argument("--rounds", type=int, default=30, help="of the latencies")
    return parser.parse_args()


def recipes(
    bundle: Bundle, prepared: Prepared, count: int, folder: Path
) -> tuple[dict[str, Path], dict[str, str]]:
    """Return the file of each recipe, and the errors of those that failed."""
    source = folder / "float32.tflite"
    source.write_bytes(embedding.look_up(bundle.artifact(FLOAT).read_bytes()))
    order = np.random.default_rng(SEED).permutation(len(prepared.encoded["train"]))
    np.savez(folder / "rows.npz", **prepared.arrays("train", order[:count]))
    command = [sys.executable, HERE / "_recipes.py", source, folder / "rows.npz", folder]
    subprocess.run([str(part) for part in command], check=True, stderr=subprocess.DEVNULL)
    source.unlink()
    for path in folder.glob("*.tflite"):
        path.write_bytes(embedding.scales_apart(path.read_bytes()))  # as `litert_int4` is
    errors = {path.stem: path.read_text() for path in sorted(folder.glob("*.error"))}
    return {path.stem: path for path in sorted(folder.glob("*.tflite"))}, errors


def files(bundle: Bundle, *, base: bool) -> dict[str, Path]:
    """Return the LiteRT files of a run, without its float one and what a recipe makes again."""
    skipped = {FLOAT, SAME} if base else {FLOAT}
    names = (name for name in bundle.artifacts() if name.startswith("litert_"))
    return {name: bundle.artifact(name) for name in names if name not in skipped}


class Judge:
    """Dev set of a run, and what its float32 file says of it."""

    def __init__(self, bundle: Bundle, prepared: Prepared) -> None:
        self.task, self.prepared = prepared.task, prepared
        self.examples = prepared.examples["dev"]
        self.columns = prepared.arrays("dev")
        self.reference = self.answers(bundle.artifact(FLOAT))

    def answers(self, path: Path) -> Any:
        """Return a file's outputs on all rows."""
        form = registry.plugin("form", self.task.form)
        runner = form(LiteRT(path), features(self.prepared.config, self.task), self.task)
        return runner(self.columns)

    def metric(self, outputs: Any) -> float:
        """Return the headline metric of outputs."""
        targets = self.prepared.targets("dev")
        figures = self.task.predict_metrics(outputs, targets, self.examples)
        return round(float(figures[self.task.headline]), 4)

    def figures(self, path: Path) -> dict[str, Any]:
        """Return metric, agreement with the float file, size and partitions of a file."""
        outputs = self.answers(path)
        decisions = (self.task.decide(x, self.examples) for x in (outputs, self.reference))
        same = float(np.mean([a == b for a, b in zip(*decisions, strict=True)]))
        result = {"metric": self.metric(outputs), "agreement": round(same, 4)}
        result |= {"bytes": path.stat().st_size, "partitions": partitions(path)}
        print(path.stem, result, flush=True)
        return result


def measure(options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Return the figures of the recipes and of the files of all runs."""
    bundle = Bundle.open(options.run)
    prepared = prepare(configs.load(bundle.config_path), bundle)
    made, errors = recipes(bundle, prepared, options.rows, folder)
    paths = {(options.run.name, name): path for name, path in files(bundle, base=True).items()}
    for other in options.compressed:
        own = files(Bundle.open(other), base=False)
        paths |= {(other.name, name): path for name, path in own.items()}
    paths |= {("recipe", name): path for name, path in made.items()}
    judge = Judge(bundle, prepared)
    report: dict[str, Any] = {
        "command": f"python benchmarks/post_training.py {' '.join(sys.argv[1:])}",
        "processor": processor(),
        "rows": len(judge.examples),
        "calibration_rows": options.rows,
        "headline": prepared.task.headline,
        "float32": {"metric": judge.metric(judge.reference)},
        "errors": errors,
        "files": {},
    }
    times = timed({FLOAT: bundle.artifact(FLOAT), **paths}, options.rounds)
    report["float32"] |= times[FLOAT] | {"bytes": bundle.artifact(FLOAT).stat().st_size}
    for key, path in paths.items():
        origin, name = key
        report["files"].setdefault(origin, {})[name] = judge.figures(path) | times[key]
    return report


def main() -> None:
    """Add the figures of a run and of those made from it."""
    options = arguments()
    with tempfile.TemporaryDirectory() as name:
        report = measure(options, Path(name))
    results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    write(RESULTS, results | {options.run.name: report})


if __name__ == "__main__":
    main()
