"""Looks at a data file: which source reads it, what its columns hold, which task fits."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tfapps import registry
from tfapps.config import paths
from tfapps.data import files
from tfapps.data.sources.base import Looked
from tfapps.errors import InputError
from tfapps.text.columns import Reading, Table

SHARE = 0.1  # of all rows, for dev and for test each


@dataclass(frozen=True)
class Look:
    """A file, and how a config reads it.

    Attributes:
        path: where it is.
        source: the plug-in that reads it.
        looked: what the source says of it.
        table: its columns.
        task: the plug-in that fits.
        reading: what the config says for that task.
        data: the section `data:`.
    """

    path: Path
    source: str
    looked: Looked
    table: Table
    task: str
    reading: Reading
    data: dict[str, Any]

    @property
    def read(self) -> list[str]:
        """Return the columns that the config names."""
        names: list[str] = []
        for value in self.reading.data.values():
            values = value if isinstance(value, list) else [value]
            names += [name for name in values if name in self.table.columns]
        return names

    @property
    def left_out(self) -> list[str]:
        """Return the columns that it does not name; of words with tags, none."""
        if self.looked.tagged:
            return []
        return [name for name in self.table.columns if name not in self.read]


def look(
    data: str,
    task: str | None = None,
    text: Sequence[str] = (),
    pair: str | None = None,
    label: str | None = None,
) -> Look:
    """Look at a file.

    Args:
        data: as the user types it, looked up here, then under $TFAPPS_DATA.
        task: its name; None chooses one.
        text, pair, label: names of columns; what is left out is guessed.

    Raises:
        InputError: no such file, no data that a source reads, or no decision which columns or which
            task are meant.
    """
    path = paths.locate(data, None, here_first=True)
    source, looked = _source_of(path)
    table = Table(
        str(path), looked.columns, tagged=looked.tagged, text=text, pair=pair, label=label
    )
    name, reading = _task_of(table, task)
    read_by = reading.data.get("source", source)
    fields = registry.load("source", read_by).Config.model_fields
    options = {key: value for key, value in looked.options.items() if key in fields}
    places = {"source": read_by, "train": _named(data, path), "dev": SHARE, "test": SHARE}
    columns = {key: value for key, value in reading.data.items() if key != "source"}
    section = {**places, **columns, **options}
    return Look(path, read_by, looked, table, name, reading, section)


def _named(data: str, path: Path) -> str:
    """Return what `data.train` calls a file, which is looked up under $TFAPPS_DATA first."""
    if paths.locate(data, None).absolute() == path.absolute():
        return data
    return str(path.absolute())


def _source_of(path: Path) -> tuple[str, Looked]:
    """Return the source that reads a file, by its ending if that is known."""
    ending = Path(files.plain_name(path.name)).suffix.removeprefix(".").lower()
    classes = {name: registry.plugin("source", name) for name in registry.names("source")}
    usual = [name for name, source in classes.items() if ending in source.endings]
    problems = []
    for name in usual or classes:
        try:
            with contextlib.redirect_stdout(io.StringIO()):  # the run prints its notes again
                looked = classes[name].look(path)
        except InputError as error:
            problems.append(error)
            continue
        if looked is not None:
            return name, looked
    if problems:
        raise problems[0]
    known = sorted({f".{each}" for source in classes.values() for each in source.endings})
    raise InputError(
        f"{path}: no table with several columns, no JSON lines and no words with tags; expected "
        f"columns with a header, separated by commas, semicolons, tabs or bars, or a file that "
        f"ends in {', '.join(known)}"
    )


def _task_of(table: Table, wanted: str | None) -> tuple[str, Reading]:
    """Return the task that fits a table best, or the one that is wanted."""
    if wanted is not None:
        reading = registry.plugin("task", wanted).reading(table)
        if reading is not None:
            return wanted, reading
        raise InputError(
            f"--task {wanted}: {table.where} has not the columns that it reads; {table.shown()}; "
            "name them with --text and --label, or start from a shipped config: tfapps init --list"
        )
    readings: dict[str, Reading] = {}
    problems = []
    for name in registry.names("task"):
        try:
            reading = registry.plugin("task", name).reading(table)
        except InputError as error:
            problems.append(error)
            continue
        if reading is not None and reading.likely > 0:
            readings[name] = reading
    if readings:
        best = max(readings, key=lambda name: readings[name].likely)
        return best, readings[best]
    raise (
        problems[0]
        if problems
        else InputError(f"{table.where}: no task fits; {table.shown()}; give --task NAME")
    )
