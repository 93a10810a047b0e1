"""The configs that come with tfapps, as package data of a wheel or in the folder of a checkout."""

from __future__ import annotations

from pathlib import Path

from tfapps import registry
from tfapps.errors import InputError

_PACKAGE = Path(__file__).parent.parent
FOLDERS = (_PACKAGE / "configs", _PACKAGE.parent / "configs")


def names() -> list[str]:
    """Return the names of all shipped configs, without their ending."""
    return sorted({path.stem for folder in FOLDERS for path in folder.glob("*.yaml")})


def path(name: str) -> Path:
    """Return the file of a shipped config.

    Args:
        name: with or without folder and ending.

    Raises:
        InputError: there is none of this name.
    """
    stem = Path(name).name.removesuffix(".yaml")
    for folder in FOLDERS:
        if (folder / f"{stem}.yaml").is_file():
            return folder / f"{stem}.yaml"
    raise InputError(
        f"no shipped config {name!r}{registry.hint(stem, names())}; `tfapps init --list` shows all"
    )


def read(name: str) -> str:
    """Return the text of a shipped config.

    Raises:
        InputError: there is none of this name.
    """
    return path(name).read_text(encoding="utf-8")


def about(name: str) -> str:
    """Return the first sentence of a config's comments, behind the command that runs it.

    Raises:
        InputError: there is none of this name.
    """
    lines = []
    for line in read(name).split("\n")[1:]:
        if not line.startswith("#"):
            break
        lines.append(line.removeprefix("#").strip())
    sentence, dot, _ = " ".join(lines).partition(". ")
    return sentence + dot.strip()


def command(name: str) -> str:
    """Return the verb that runs a config, as its first line says: `run`, or `ensemble`.

    Raises:
        InputError: there is none of this name.
    """
    words = read(name).partition("\n")[0].split()
    return words[2] if words[:2] == ["#", "tfapps"] and len(words) > 2 else "run"
