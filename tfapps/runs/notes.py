"""Results that are added to a bundle after the run was finished."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tfapps.bundle import bundle as bundles
from tfapps.bundle.bundle import Bundle, write_json


def note(
    bundle: Bundle, key: str, figures: Any, picture: bytes, scalars: Mapping[str, float]
) -> None:
    """Write figures to metrics.json, a picture beside it, and both to TensorBoard.

    Args:
        key: of the figures, and name of the picture and of its folder of logs.
        scalars: the figures as points of curves, by name.
    """
    from tfapps.train.evaluation import Evaluation
    from tfapps.train.tensorboard import Writer

    named = {f"{key}/{name}": value for name, value in scalars.items()}
    with bundles.writing(bundle.path, base=bundle) as draft:
        (draft.path / f"{key}.png").write_bytes(picture)
        write_json(draft.path / "metrics.json", {**bundle.metrics, key: figures})
        with Writer(draft.path / "logs" / key) as writer:
            writer.evaluation(Evaluation(named, {key: picture}), 0)
