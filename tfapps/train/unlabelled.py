"""Objectives that also learn from texts without labels."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tfapps.config.reads import DataFile
from tfapps.config.sections import Section

LABELLED = "labelled"  # a target column beside the task's own: 1 for rows with a label, else 0


class Unlabelled(Section):
    """Base of the Configs of objectives that learn from texts without labels as well.

    Attributes:
        unlabelled: a text file, a text a line.
    """

    unlabelled: DataFile | None = None


def unlabelled(config: Unlabelled) -> str | None:
    """Return the file of texts without labels."""
    return config.unlabelled


def labelled_loss(loss: Callable[..., Any], share: float) -> Callable[..., Any]:
    """Return the loss of labelled rows; it is 0 for the others.

    Args:
        share: of labelled rows among all rows; the loss is divided by it.
    """
    from keras import ops

    def labelled(targets: dict[str, Any], logits: Any) -> Any:
        has_label = ops.cast(targets[LABELLED], "float32")
        return loss(targets, logits) * has_label / share

    return labelled
