"""Where unfinished work is kept: beside the bundle that it will be, until that is written."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from tfapps.stages.prepare import Prepared

if TYPE_CHECKING:
    from tfapps.train.checkpoint import Checkpoint

OUTPUT = Path("saved_models")


def checkpoint(prepared: Prepared, stage: str, more: str = "") -> Checkpoint:
    """Return the checkpoint of a piece of work.

    Args:
        stage: name of its folder.
        more: what its weights depend on besides config and data of the training.
    """
    from tfapps.train.checkpoint import Checkpoint

    config = prepared.config
    key = f"{prepared.fingerprint} {stage} {more}"
    return Checkpoint(_folder(config.name) / stage, key, config.train.checkpoint_every)


def clear(name: str) -> None:
    """Forget all unfinished work of a run: its bundle is written."""
    shutil.rmtree(_folder(name), ignore_errors=True)


def _folder(name: str) -> Path:
    return OUTPUT / f".{name}.state"
