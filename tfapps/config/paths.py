"""Find the files that a config or a user names."""

from __future__ import annotations

import os
from pathlib import Path

from tfapps.errors import InputError


def locate(
    path: str, root: str | None, here_first: bool = False, endings: tuple[str, ...] = ("",)
) -> Path:
    """Return the file a config or a user means: under `root` ($TFAPPS_DATA if None), then here.

    Args:
        here_first: for a path typed on the command line.
        endings: what the name may end in besides.

    Raises:
        InputError: no such file, naming the places looked at; or a folder.
    """
    expanded = Path(path).expanduser()
    base = root if root is not None else os.environ.get("TFAPPS_DATA")
    places = [expanded]
    if base and not expanded.is_absolute():
        places.insert(1 if here_first else 0, Path(base).expanduser() / expanded)
    places = [Path(f"{place}{ending}") for place in places for ending in endings]
    for place in places:
        if place.is_file():
            return place
    for place in places:
        if place.is_dir():
            raise InputError(f"{place}: is a folder, expected a file")
    looked = ", ".join(str(place.absolute()) for place in places)
    hint = "" if expanded.is_absolute() else "; set data.root or TFAPPS_DATA to the data folder"
    raise InputError(f"no file {path}: looked at {looked}{hint}")
