"""What each way of tuning costs, from finished runs on one data set.

    for name in "" _lora _adalora _adapter _prefix _bitfit; do
        tfapps run configs/intents_bert_banking77$name.yaml
    done
    R=saved_models/intents_bert_banking77
    python benchmarks/tuners.py $R ${R}_lora ${R}_adalora ${R}_adapter ${R}_prefix ${R}_bitfit

Weights that learn and size on disk are those of the runs; their accuracy is in `configs.json`. A
training step of each, on one batch of its own data, is timed in turn with the others' in one
process; trust the ratios to the first run. Writes `benchmarks/results/tuners.json`, of which
`python -m tools.tables` makes the table.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from _versus import HERE, header, middle, ratios, take_turns, write

from tfapps import registry
from tfapps.assembly import tuned
from tfapps.assembly.assemble import assemble
from tfapps.bundle.bundle import Bundle
from tfapps.config import load as configs


class Run:
    """One run as its training stage sets it up."""

    def __init__(self, path: Path):
        import keras
        import tensorflow as tf

        from tfapps.runs.lessons import lessons
        from tfapps.runs.prepared import prepare
        from tfapps.stages.train import objective
        from tfapps.train import strategy
        from tfapps.train.optimizers import make
        from tfapps.train.step import Step

        self.bundle = Bundle.open(path)
        settings = configs.load(self.bundle.config_path)
        prepared = prepare(settings, self.bundle)
        model = assemble(
            settings, prepared.task, vocabulary_size=prepared.tokenizer.vocabulary_size
        )
        model = tuned.pretrained(settings, model, prepared.tokenizer)
        lesson = lessons(prepared)
        batches = lesson.batches(1)
        tuner = registry.plugin("tuner", settings.tuning.name)
        callbacks = tuner.callbacks(settings.tuning, model, 1000)
        self.name, self.tuner = path.name, settings.tuning.name
        self.batch = next(iter(batches.epoch(0)))
        self.step = Step(
            model,
            objective(lesson, model, 1000),
            make.make(1e-6, weight_decay=0.01),
            strategy.make("one_device"),
            spec=batches.epoch(0).element_spec,
            rows=batches.batch_size,
            clip_norm=settings.train.clip_norm,
            watch=[callback.watch for callback in callbacks if hasattr(callback, "watch")],
        )
        self.versions = {"tensorflow": tf.__version__, "keras": keras.__version__}

    def __call__(self):
        cpu, wall = time.process_time(), time.perf_counter()
        self.step(self.batch).numpy()
        return {"cpu": time.process_time() - cpu, "wall": time.perf_counter() - wall}

    def figures(self) -> dict:
        """Return what the run itself says."""
        parameters = self.bundle.metrics["parameters"]
        return {
            "tuner": self.tuner,
            "command": f"tfapps run configs/{self.name}.yaml",
            "trained": parameters["trained"],
            "share": round(parameters["trained"] / parameters["all"], 5),
            "bytes": self.bundle.weights.stat().st_size,
        }


def main() -> None:
    """Time the tuners and write the result."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("runs", nargs="+", type=Path)
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--warmup", type=int, default=2)
    parser.add_argument("--output", type=Path, default=HERE / "results/tuners.json")
    options = parser.parse_args()
    runs = [Run(path) for path in options.runs]
    rows = take_turns(runs, options.warmup, options.steps)
    rows = {name: timed[options.warmup :] for name, timed in rows.items()}
    first = rows[runs[0].name]
    report = header(options, ("steps", "warmup"), runs[:1]) | {"runs": {}}
    for run in runs:
        report["runs"][run.name] = run.figures() | {
            "cpu_seconds": middle(rows[run.name], "cpu", 3),
            "wall_seconds": middle(rows[run.name], "wall", 3),
            "cpu": ratios(rows[run.name], first, "cpu"),
        }
    write(options.output, report)


if __name__ == "__main__":
    main()
