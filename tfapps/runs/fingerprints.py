"""What decides trained weights, as hashes: whether a finished run is what a config would train."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from tfapps.bundle.bundle import Bundle
from tfapps.config import effects
from tfapps.config.load import dump
from tfapps.config.sections import RunConfig, Section
from tfapps.data.corpora import Corpus
from tfapps.runs import contents

SPLITS = ("train", "dev", "test")
Rows = Mapping[str, Any]


def fingerprint(config: RunConfig, rows: Rows) -> str:
    """Return a hash of what decides the trained weights: settings of the training, and data.

    Marked fields are hashed at their defaults, so runs that differ in them alone share what they
    trained, and fingerprints of older versions stay valid where a config leaves them out. The
    rows themselves are hashed, not the seed that they were drawn by.
    """
    return _hash(effects.reset(config), rows)


def full(config: RunConfig, rows: Rows) -> str:
    """Return the hash of all settings, also of those that change no trained weight.

    Older versions stored it as the fingerprint.
    """
    return _hash(effects.reset(config, deep=False), rows)


def origin(config: RunConfig, rows: Rows) -> dict[str, Any]:
    """Return what a bundle keeps of what it was trained from; empty where it names no file or run.

    With it the fingerprint of a finished run can be checked after a preset was deleted.
    """
    digests = contents.digests(_sections(config), config.data_options.root)
    return {"settings": _settings(config, rows), "contents": digests} if digests else {}


def of_bundle(config: RunConfig, rows: Rows, bundle: Bundle) -> str:
    """Return the fingerprint of a config whose finished run may have outlived what it names.

    What is missing by now is taken to be what the run was trained from, if all else is as noted.

    Raises:
        InputError: a file is missing, and the bundle does not note what it held.
    """
    noted = bundle.origin
    digests = contents.digests(_sections(config), config.data_options.root)
    if noted and not all(digests.values()) and noted.get("settings") == _settings(config, rows):
        before = noted.get("contents")
        if isinstance(before, dict) and all(
            name in before and digest in ("", before[name]) for name, digest in digests.items()
        ):
            return bundle.manifest["stages"].get("train", "")
    return fingerprint(config, rows)


def trained_by(bundle: Bundle, config: RunConfig, rows: Rows) -> bool:
    """Return whether the weights of a bundle came from this config and these rows."""
    stored = bundle.manifest.get("stages", {}).get("train")
    return stored == of_bundle(config, rows, bundle) or stored == full(config, rows)


def answers_key(config: RunConfig) -> str:
    """Return what decides the answers by which epochs are compared; empty for the defaults."""
    values = dict(effects.answers(config))
    return "" if values == dict(effects.answers(effects.reset(config))) else json.dumps(values)


def _sections(config: RunConfig) -> tuple[Section, ...]:
    return (config.model, config.objective, config.task, config.tuning)


def _hash(settings: RunConfig, rows: Rows) -> str:
    digest = hashlib.sha256(dump(settings).encode())
    contents.feed(digest, _sections(settings), settings.data_options.root)
    _feed_rows(digest, rows)
    return digest.hexdigest()


def _settings(config: RunConfig, rows: Rows) -> str:
    digest = hashlib.sha256(dump(effects.reset(config)).encode())
    _feed_rows(digest, rows)
    return digest.hexdigest()


def _feed_rows(digest: Any, rows: Rows) -> None:
    for name in SPLITS:
        part = rows.get(name)
        text = part.digest if isinstance(part, Corpus) else json.dumps(part, ensure_ascii=False)
        digest.update(text.encode())
