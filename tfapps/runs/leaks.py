"""Check that the runs a config learns from were not trained on rows of its dev set."""

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
    """Compare the training rows of teachers and of the preset with a dev set carved out of train.

    Raises: InputError for a run that was trained on rows of the dev set: the metric on them would
        be too good.
    """
    config = prepared.config
    own = splits.dev_rows_key(config.data, config.rows_seed)
    if "split_seed" not in own:  # a dev set of its own
        return
    dev = set(map(_key, prepared.rows["dev"])) - set(map(_key, prepared.rows["train"]))
    for path, run in _origins(config, set()):
        if run.data == config.data and run.rows_seed == config.rows_seed:
            continue
        try:
            rows = splits.load(run.data, run.rows_seed)["train"]
        except InputError as error:
            reason = f"its data cannot be read: {plain(str(error))}"
            print(f"{path}: not checked for rows of the dev set, {reason}")
            continue
        shared = dev & set(map(_key, rows)) if isinstance(rows, list) else set()
        if shared:
            raise InputError(
                f"{path} was trained on {len(shared)} of the {len(prepared.rows['dev'])} rows of "
                f"this dev set, so that the metric on it would be too good; {_way_out(run, own)}"
            )


def _way_out(run: RunConfig, own: dict[str, Any]) -> str:
    theirs = splits.dev_rows_key(run.data, run.rows_seed)
    different = {key: theirs.get(key) for key in own if own[key] != theirs.get(key)}
    if list(different) == ["split_seed"]:
        return f"set `split_seed: {different['split_seed']}` as in that run, or name a dev file"
    return "split the rows as that run does (its config.yaml says how), or name a dev file"


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
            run = configs.load(Path(path) / bundle.config_path.name)
            yield folder, run
            yield from _origins(run, seen)


def _key(row: dict[str, Any]) -> str:
    return json.dumps(row, ensure_ascii=True, sort_keys=True)
