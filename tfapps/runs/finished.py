"""Find the finished run of a config; one of another config or other data is never replaced.

Training may take hours, so only the user decides that its result is not needed any more.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tfapps.bundle.bundle import MANIFEST, Bundle
from tfapps.config import effects
from tfapps.config import load as configs
from tfapps.config.sections import RunConfig
from tfapps.errors import InputError
from tfapps.printable import plain, shortened
from tfapps.runs import fingerprints
from tfapps.runs.contents import compression_key
from tfapps.runs.unfinished import SHARED

SHOWN = 6  # values in a message
LONGEST = 120  # letters of a name that gets a number
NAMES = ("name", "source")  # keys that select a plug-in


def finished(
    config: RunConfig,
    rows: Mapping[str, Any],
    *,
    overwrite: bool = False,
    compressed: bool = True,
    owner: str | None = None,
) -> Bundle | None:
    """Return the bundle that this config and these rows make; None if there is still work to do.

    Args:
        overwrite: whether a finished run of something else may be replaced.
        compressed: whether the config's `compress:` is part of what is made.
        owner: the run that is named anew to keep this one; a member's is its ensemble.

    Raises:
        InputError: a finished run has this name and would be replaced, or it is damaged.
    """
    path = SHARED / config.name
    if not (path / MANIFEST).exists():
        return None
    wanted = compression_key(config) if compressed else ""
    bundle = _opened(path, overwrite)
    if bundle is None:
        return None
    trained = fingerprints.trained_by(bundle, config, rows)
    if trained and _compression(bundle) == wanted:
        return _opened(path, overwrite, whole=True)
    if overwrite or (trained and _will_be_compressed(bundle)):
        return None
    name = _free_name(owner or config.name)
    raise InputError(f"{_reason(bundle, config, trained)}. It is kept: {_way_out(name)}")


def refuse_ensemble_over(config: RunConfig, fingerprint: str, overwrite: bool) -> None:
    """Refuse to write an ensemble over a finished run that is not the same ensemble.

    Args:
        fingerprint: of the ensemble's data and common settings.

    Raises:
        InputError: naming the values that differ.
    """
    path = SHARED / config.name
    if overwrite or not (path / MANIFEST).exists():
        return
    bundle = Bundle.open(path)
    own = _config(bundle)
    same_members = bundle.manifest["stages"].get("ensemble") == fingerprint
    if own is not None and same_members and own.ensemble == config.ensemble:
        return
    raise InputError(
        f"{_reason(bundle, config, trained=False)}. It is kept: {_way_out(_free_name(config.name))}"
    )


def _opened(path: Path, overwrite: bool, whole: bool = False) -> Bundle | None:
    """Return a bundle after hashing its config; None for a damaged one that may be replaced.

    Args:
        whole: hash every file.
    """
    try:
        bundle = Bundle.open(path)
        if whole:
            return bundle.verify()
        _ = bundle.config_path
        return bundle
    except InputError as error:
        if overwrite:
            return None
        raise InputError(f"{error}; --overwrite replaces it") from error


def _compression(bundle: Bundle) -> str:
    return bundle.manifest["stages"].get("compress", "")


def _will_be_compressed(bundle: Bundle) -> bool:
    """Return whether a bundle is what its own config compresses next, and nothing finished."""
    own = _config(bundle)
    return not _compression(bundle) and own is not None and bool(own.compress)


def _config(bundle: Bundle) -> RunConfig | None:
    """Return the config of a bundle; None if this version cannot read it."""
    try:
        return configs.load(bundle.config_path)
    except InputError:
        return None


def _free_name(name: str) -> str:
    """Return the first name with a number that no run has."""
    names = (f"{name[:LONGEST]}-{number}" for number in itertools.count(2))
    return next(name for name in names if not (SHARED / name).exists())


def _way_out(name: str) -> str:
    return f"train under another name, name={name}, or replace it with --overwrite"


def _reason(bundle: Bundle, config: RunConfig, trained: bool) -> str:
    """Return what differs between a finished run and a config.

    Args:
        trained: whether the config trains the same weights.
    """
    own = _config(bundle)
    if own is None:
        return f"{bundle.path} is a finished run with a config that this version cannot read"
    differences = list(_differences(own, config, compress=trained))
    if differences:
        values = shortened(differences, SHOWN)
        return f"{bundle.path} is a finished run with other values: {values}"
    if trained:
        return f"{bundle.path} is a finished run, already compressed"
    return (
        f"{bundle.path} is a finished run with the same values and other data: rows, or a file or "
        "run that the config names, have changed since"
    )


def _differences(own: RunConfig, config: RunConfig, compress: bool) -> Iterator[str]:
    """Yield the values of a config that differ from those of a finished run."""
    before, after = (dict(_leaves(_values(one, compress))) for one in (own, config))
    pairs = {key: (before.get(key), after.get(key)) for key in {**before, **after}}
    for key, (old, new) in pairs.items():
        path, _, last = key.rpartition(".")
        names = [pairs.get(f"{path}.{name}", (None, None)) for name in NAMES]
        other_plugin = any(first != second for first, second in names)  # with options of its own
        if old != new and (last in NAMES or not other_plugin):
            yield f"{key} {_short(old)} (here {_short(new)})"


def _values(config: RunConfig, compress: bool) -> dict[str, Any]:
    values = effects.reset(config).model_dump(mode="json")
    if compress:
        values["compress"] = [item.model_dump(mode="json") for item in config.compress]
    return values


def _leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the dotted keys of nested mappings and lists, and their values."""
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from _leaves(inner, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list) and any(isinstance(item, dict) for item in value):
        for index, item in enumerate(value):
            yield from _leaves(item, f"{path}[{index}]")
    elif value not in (None, []):
        yield path, value


def _short(value: Any) -> str:
    if value is None:
        return "none"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    text = plain(text)
    return text if len(text) <= 40 else f"{text[:37]}..."
