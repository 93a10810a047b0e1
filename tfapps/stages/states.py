"""Where unfinished work is kept: beside the bundle that it will be, until that is written."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from tfapps import cluster
from tfapps.stages.prepare import Prepared

if TYPE_CHECKING:
    from tfapps.train.checkpoint import Checkpoint

SHARED = Path("saved_models")
# All workers of a training write alike, but only what the chief writes is kept.
_WORKER = cluster.here()
OUTPUT = SHARED if cluster.chief() else SHARED / f".worker_{_WORKER.index}"


def checkpoint(prepared: Prepared, stage: str, more: str = "") -> Checkpoint:
    """Return the checkpoint of a piece of work.

    Args:
        stage: name of its folder.
        more: what its weights depend on besides config and data of the training.
    """
    from tfapps.train.checkpoint import Checkpoint

    config = prepared.config
    key = f"{prepared.fingerprint} {stage} {more}"
    folder, seconds = _folder(config.name) / stage, config.train.checkpoint_every
    return Checkpoint(folder, key, seconds, writes=cluster.chief())


def clear(name: str) -> None:
    """Forget all unfinished work of a run: its bundle is written."""
    if cluster.chief():
        shutil.rmtree(_folder(name), ignore_errors=True)


def leave() -> None:
    """Remove what a worker that is not the chief has written."""
    if not cluster.chief():
        shutil.rmtree(OUTPUT, ignore_errors=True)


def _folder(name: str) -> Path:
    return SHARED / f".{name}.state"
