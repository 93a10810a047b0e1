"""Search a config's space: many trainings, the best values written down as a config."""

from __future__ import annotations

import contextlib
import gc
import hashlib
import io
import itertools
import json
import math
import os
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from tfapps import registry
from tfapps.bundle import replace
from tfapps.bundle.bundle import read_json, write_json
from tfapps.config import space as spaces
from tfapps.config.load import dump
from tfapps.config.sections import RunConfig
from tfapps.data import splits
from tfapps.errors import ConfigError, Failure, InputError
from tfapps.printable import plain
from tfapps.runs import contents, fingerprints, trivial
from tfapps.runs.lessons import lessons
from tfapps.runs.prepared import prepare, refuse_ensemble
from tfapps.runs.unfinished import OUTPUT
from tfapps.search.parts import drive
from tfapps.search.parts.dimensions import Dimensions
from tfapps.search.parts.trials import Trials
from tfapps.stages.train import learn

KEY = "search.json"
BEST = "best.yaml"
SHOWN = 5
TOGETHER = 256  # combinations, each a few milliseconds

Variant = Callable[[Mapping[str, Any]], RunConfig]


def tune(config: RunConfig, variant: Variant) -> Path:
    """Run the trials of `config.search` that are still to be run; the file of the best config.

    Args:
        variant: {dotted key: value} -> the config with these values; see `config.variants`.

    Raises:
        InputError: values that do not go together, a trial that cannot be trained, or a folder
            with the trials of another search.
        Failure: all trials failed.
    """
    refuse_ensemble(config)
    folder = OUTPUT / f"{config.name}_search"
    variant = _on_one_dev_set(config, variant)
    variant({"name": f"{config.name}_best"})  # which may be too long a name
    dimensions = Dimensions(config.search.space, lambda path: _is_whole(config, variant, path))
    _check_together(dimensions, variant)
    kind = registry.plugin("search", config.search.name)
    brackets = drive.planned(kind, config.search, config.train.epochs)
    total = sum(rung.trials for rungs in brackets for rung in rungs)
    with _opened(folder, _digest(config, variant)):
        search = _Search(config, variant, folder, total)
        sampler = kind.sampler(config.search, config.seed)
        drive.drive(sampler, brackets, dimensions, search.judge)
        return search.end()


class _Search:
    """State of one search."""

    def __init__(self, config: RunConfig, variant: Variant, folder: Path, total: int) -> None:
        self.config, self.variant = config, variant
        self.folder, self.total = folder, total
        self.trials = Trials(folder)
        if self.trials.all:
            print(f"{config.name}: resuming after {len(self.trials.all)} trials")

    def judge(self, values: Mapping[str, Any]) -> float:
        """Train one trial, unless one with its values was trained before."""
        values = {path: values[path] for path in sorted(values)}  # as the file has them
        row = self.trials.find(values)
        if row is None:
            row = self._trained(str(len(self.trials.all)), values)
            self._note(row)
        if row["failed"] is not None:
            raise Failure(row["failed"])
        return row["metric"]

    def end(self) -> Path:
        """Show the best trials, and how to run the best one."""
        best = self.trials.best()
        if not best:
            raise Failure(f"none of {len(self.trials.all)} trials finished; see {self.folder}")
        self._write_best(best[0])  # a kill may have come between a trial and this
        print("\n".join(table(best[:SHOWN])))
        print(f"tensorboard --logdir {self.folder}\ntfapps run {self.folder / BEST}")
        trivial.warn_of_trials(self.config, best, self._trivial(best[0]["headline"]))
        return self.folder / BEST

    def _trivial(self, headline: str) -> dict[str, Any]:
        """Return the trivial answer of the dev set; empty where trials have another task."""
        with contextlib.redirect_stdout(io.StringIO()):  # each trial has logged it already
            prepared = prepare(self.config)
        return trivial.measured(prepared) if headline == prepared.task.headline else {}

    def _write_best(self, row: Mapping[str, Any]) -> None:
        named = {**row["values"], "name": f"{self.config.name}_best"}
        _replace(self.folder / BEST, dump(self.variant(named)))

    def _trained(self, trial: str, values: dict[str, Any]) -> dict[str, Any]:
        """Train a trial and return its record; its epochs go into a file beside its curves."""
        place = self.folder / f"trial_{trial}"
        place.mkdir(parents=True, exist_ok=True)
        for stale in place.glob("events.out.*"):  # a killed trial starts from its first step
            stale.unlink()
        row = {"trial": trial, "values": values, "metric": None, "epochs": None, "failed": None}
        started = time.perf_counter()
        try:
            with _aside(place / "log.txt"):
                history = fit_trial(self.variant(values), place, values)
            if not math.isfinite(history.best):
                raise Failure(f"{history.headline} is {history.best}, expected a finite number")
            row |= {"headline": history.headline, "metric": float(history.best)}
            row["epochs"] = history.records[-1].epoch if history.records else 0.0
        except Failure as error:
            row["failed"] = str(error)
        return row | {"seconds": round(time.perf_counter() - started, 1)}

    def _note(self, row: dict[str, Any]) -> None:
        """Write a trial down and show it."""
        for other in self.trials.best()[:1]:
            if row["failed"] is None and row["headline"] != other["headline"]:
                raise InputError(
                    f"search.space: trials are judged by {other['headline']} and by "
                    f"{row['headline']}, which cannot be compared; search one task at a time"
                )
        self.trials.add(row)
        if row in self.trials.best()[:1]:
            self._write_best(row)
        result = f"failed: {row['failed']}"
        if row["failed"] is None:
            result = f"{row['headline']} {row['metric']:.4f}"
        values = [f"{path} {_short(value)}" for path, value in row["values"].items()]
        number = f"trial {int(row['trial']) + 1}/{self.total}"
        print("  ".join([number, result, *values, f"{row['seconds']:.0f} s"]), flush=True)


def fit_trial(config: RunConfig, log_dir: Path, values: Mapping[str, Any]) -> Any:
    """Train as `tfapps train` does, but keep no weights; the History."""
    import keras

    keras.utils.clear_session()  # what earlier trials left in memory
    gc.collect()
    return learn(lessons(prepare(config)), log_dir, values).history


def table(rows: list[dict[str, Any]]) -> list[str]:
    """Return lines of a table, one a trial."""
    paths = list(rows[0]["values"])
    cells = [["trial", rows[0]["headline"], *paths]]
    for row in rows:
        values = [_short(row["values"][path]) for path in paths]
        cells.append([str(int(row["trial"]) + 1), f"{row['metric']:.4f}", *values])
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return ["  ".join(map(str.rjust, line, widths)) for line in cells]


def _short(value: Any) -> str:
    """Return a value of a config in one word or two, as YAML has it."""
    return plain(value) if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _on_one_dev_set(config: RunConfig, variant: Variant) -> Variant:
    """Return `variant` with all trials judged on the same rows, whatever their own seed is.

    Raises: InputError for a key of the space that decides which rows those are.
    """
    judged = splits.dev_rows_key(config.data, config.rows_seed)
    changing = [
        path
        for path, dimension in config.search.space.items()
        if path.split(".")[0] in ("data", "split_seed")
        for value in spaces.ends(spaces.dimension(dimension))
        if splits.dev_rows_key((v := variant({path: value})).data, v.rows_seed) != judged
    ]
    if changing:
        raise InputError(
            f"search.space: {changing[0]} changes the dev set, and trials that are judged on "
            "different rows cannot be compared; leave it out"
        )
    if not any(path == "seed" for path in config.search.space):
        return variant
    return lambda values: variant({"split_seed": config.rows_seed, **values})


def _is_whole(config: RunConfig, variant: Variant, path: str) -> bool:
    """Return whether a key refuses floats: then all numbers of its range are whole."""
    try:
        variant({path: float(config.search.space[path]["low"])})
    except ConfigError:
        return True
    return False


def _check_together(dimensions: Dimensions, variant: Variant) -> None:
    """Refuse values that are right one by one and wrong together, before anything is trained."""
    numbers = dimensions.numbers
    every = itertools.product(*map(spaces.ends, numbers.values()))
    for combination in itertools.islice(every, TOGETHER):
        values = dict(zip(numbers, combination, strict=True))
        try:
            variant(values)
        except ConfigError as error:
            culprit = ", ".join(f"{path} {_short(value)}" for path, value in values.items())
            raise ConfigError(
                [f"{spaces.PATH}: {problem}; with {culprit}" for problem in error.problems]
            ) from error


def _digest(config: RunConfig, variant: Variant) -> str:
    """Return what identifies the trials of one search, however many there are."""
    space = config.search.model_dump_json(exclude={"trials"})
    rows = splits.load(config.data, config.rows_seed)
    digest = hashlib.sha256(f"{fingerprints.full(config, rows)} {space}".encode())
    for path, raw in config.search.space.items():
        for value in raw if isinstance(raw, list) else []:
            run = variant({path: value})
            sections = (run.model, run.objective, run.task, run.tuning)
            contents.feed(digest, sections, run.data_options.root)
    return digest.hexdigest()


@contextlib.contextmanager
def _opened(folder: Path, digest: str) -> Iterator[None]:
    """Hold the folder of this search for this process alone."""
    with replace.explained(folder):
        folder.mkdir(parents=True, exist_ok=True)
        handle = replace.lock(folder, folder)
    try:
        if (folder / KEY).exists():
            if read_json(folder / KEY) != {"digest": digest}:
                raise InputError(
                    f"{folder} holds trials of another space, config or data; remove the folder, "
                    "or search under another name (name=...)"
                )
        elif any(folder.iterdir()):
            raise InputError(f"cannot write {folder}: it holds something else; move it away")
        with replace.explained(folder, folder):
            write_json(folder / KEY, {"digest": digest})
            yield
    finally:
        os.close(handle)


@contextlib.contextmanager
def _aside(file: Path) -> Iterator[None]:
    """Redirect everything printed to a file: a trial is one line here."""
    with (
        file.open("w", buffering=1, encoding="utf-8") as stream,
        contextlib.redirect_stdout(stream),
        contextlib.redirect_stderr(stream),
    ):
        yield


def _replace(file: Path, text: str) -> None:
    temporary = file.with_name(f".{file.name}.new")
    temporary.write_text(text, encoding="utf-8")
    os.replace(temporary, file)
