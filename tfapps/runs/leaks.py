"""Check that the runs a config learns from were not trained on rows of its dev or test set."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tfapps import registry
from tfapps.bundle.bundle import MANIFEST, Bundle
from tfapps.config import load as configs
from tfapps.config.sections import RunConfig
from tfapps.data import splits
from tfapps.errors import InputError
from tfapps.printable import plain
from tfapps.runs.prepared import Prepared


def refuse(prepared: Prepared) -> None:
    """Compare the training rows of teachers and of the preset with sets carved out of train.

    Raises: InputError for a run that was trained on rows of the dev or test set: the metric on
        them would be too good.
    """
    config = prepared.config
    carved = splits.carved(config.data)
    if not carved:  # dev and test sets of their own
        return
    trained = set(map(_key, prepared.rows["train"]))
    held_out = {name: set(map(_key, prepared.rows[name])) - trained for name in carved}
    for path, run in _origins(config, set()):
        if run.data == config.data and run.rows_seed == config.rows_seed:
            continue
        try:
            rows = splits.load(run.data, run.rows_seed)["train"]
        except InputError as error:
            reason = f"its data cannot be read: {plain(str(error))}"
            print(f"{path}: not checked for rows of the {' and '.join(carved)} set, {reason}")
            continue
        theirs = set(map(_key, rows)) if isinstance(rows, list) else set()
        for name, own in held_out.items():
            if own & theirs:
                raise InputError(
                    f"{path} was trained on {len(own & theirs)} of the "
                    f"{len(prepared.rows[name])} rows of this {name} set, so that the metric on "
                    f"it would be too good; {_way_out(run, config, name)}"
                )


def _way_out(run: RunConfig, config: RunConfig, name: str) -> str:
    keys = [*splits.PLACES, "train", "limit", *(["test"] if name == "test" else [])]
    if all(getattr(run.data, key, None) == getattr(config.data, key, None) for key in keys):
        return f"set `split_seed: {run.rows_seed}` as in that run, or name a {name} file"
    return f"split the rows as that run does (its config.yaml says how), or name a {name} file"


def _origins(config: RunConfig, seen: set[Path]) -> Iterator[tuple[Path, RunConfig]]:
    """Yield the configs of the finished runs that a config learns from, and of theirs."""
    named = (
        registry.plugin("model", config.model.name).preset(config.model),
        *registry.plugin("objective", config.objective.name).teachers(config.objective),
    )
    folders = [Path(name).expanduser() for name in named if name]
    for folder in folders:
        if folder in seen or not (folder / MANIFEST).is_file():
            continue
        seen.add(folder)
        bundle = Bundle.open(folder)
        for path in bundle.members or [folder]:
            run = configs.load(Bundle.open(path).config_path)
            yield folder, run
            yield from _origins(run, seen)


def _key(row: dict[str, Any]) -> str:
    return json.dumps(row, ensure_ascii=True, sort_keys=True)
