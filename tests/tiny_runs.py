"""A tiny trained run of every task, for whatever must hold for all of them."""

import tiny
import yaml
from running import eagerly, tfapps

from tfapps import registry

TASK_OF = {name: task for task in registry.names("task") for name in tiny.of(task).runs}
RUNS = {name: tiny.of(task).runs[name] for name, task in TASK_OF.items()}


def write_data(folder, split, count):
    """Write the same few sentences in the file format of every run."""
    for run in RUNS.values():
        for name, lines in run.files(split, count).items():
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def write_config(folder, name):
    """The config of a tiny run as a file."""
    run = RUNS[name]
    raw = {
        "task": {"name": TASK_OF[name], **run.task},
        "data": dict(run.data),
        "model": dict(run.model),
        "text": {"vocabulary_size": 90, "min_frequency": 1},
        "train": {"epochs": 1, "batch_size": 16, "learning_rate": 1e-3},
        "export": ["litert_float32"],
    }
    if "preset" in raw["model"]:
        del raw["text"]
    (folder / f"{name}.yaml").write_text(yaml.safe_dump(raw), encoding="utf-8")


def train(folder, name):
    """Train and export a tiny run, and those that it starts from."""
    for needed in RUNS[name].after:
        train(folder, needed)
    if (folder / "saved_models" / name).exists():
        return
    with eagerly():
        done = tfapps("run", f"{name}.yaml", cwd=folder)
    assert done.returncode == 0, done.stderr + done.stdout
