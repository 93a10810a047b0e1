"""Unfinished work is stored beside its bundle until the bundle is written.

Every piece of work has a folder named after what its weights depend on, so that a run with another
config or other data neither resumes nor overwrites it.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from tfapps.processes import workers
from tfapps.runs.prepared import Prepared

if TYPE_CHECKING:
    from tfapps.train.checkpoint import Checkpoint

SHARED = Path("saved_models")
DIGITS = 12  # of a hash in the name of a folder
# All workers of a training write alike, but only what the chief writes is kept.
_WORKER = workers.current()
OUTPUT = SHARED if workers.chief() else SHARED / f".worker_{_WORKER.index}"


def checkpoint(prepared: Prepared, stage: str, more: str = "") -> Checkpoint:
    """Return the checkpoint of a piece of work.

    Weights belong to the vocabulary and labels they were learned with. Another version of tfapps
    or of a library may make others from the same config and data, so they are part of its key.

    Args:
        stage: what its folder's name begins with.
        more: what its weights depend on besides config and data of the training.
    """
    from tfapps.train.checkpoint import Checkpoint

    config = prepared.config
    key = f"{prepared.fingerprint} {json.dumps(prepared.text_files)} {stage} {more}"
    digest = hashlib.sha256(key.encode()).hexdigest()[:DIGITS]
    folder, seconds = _folder(config.name) / f"{stage}_{digest}", config.train.checkpoint_every
    return Checkpoint(folder, key, seconds, writes=workers.chief())


def report_others(name: str, own: Iterable[Checkpoint]) -> None:
    """Log the unfinished work of a run's name that this run will not resume: it is kept.

    Args:
        own: the checkpoints that this run may resume.
    """
    root, own_names = _folder(name), {checkpoint.folder.name for checkpoint in own}
    others = sorted(path.name for path in root.glob("*") if path.name not in own_names)
    if others and workers.chief():
        print(
            f"{name}: unfinished work of another config or other data is kept in {root} "
            f"({', '.join(others)}); run that config again to resume it, or delete the folder",
            flush=True,
        )


def clear(name: str, own: Iterable[Checkpoint]) -> None:
    """Delete the unfinished work of a run whose bundle is written, but not that of others."""
    if not workers.chief():
        return
    for checkpoint in own:
        checkpoint.clear()
    with contextlib.suppress(OSError):  # there is other work in it, or it is missing
        _folder(name).rmdir()


def remove_copies() -> None:
    """Remove what a worker that is not the chief has written."""
    if not workers.chief():
        shutil.rmtree(OUTPUT, ignore_errors=True)


def _folder(name: str) -> Path:
    return SHARED / f".{name}.state"
