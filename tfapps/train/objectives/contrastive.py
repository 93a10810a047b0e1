"""Contrastive learning: texts of one label move together, others apart, besides the task's loss."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

from pydantic import Field

from tfapps.config.sections import Section
from tfapps.train.objectives import base


class Config(Section):
    """The pairs within a batch teach the encoder: with few examples there are still many of them.

    `train.per_label` brings several texts of a label into a batch.

    Attributes:
        form: `supcon`, of all similarity the share of the own label (Khosla et al. 2020,
            "Supervised Contrastive Learning"); or `cosine`, regression to 1 and 0 (Tunstall et al.
            2022, "Efficient Few-Shot Learning Without Prompts").
        temperature: supcon only, what cosines are divided by.
        weight: of the pairs, the loss of the task being 1.
    """

    name: str = "contrastive"
    form: Literal["supcon", "cosine"] = "supcon"
    temperature: float = Field(0.1, ge=0.01)
    weight: float = Field(1.0, ge=0)


def build(
    config: Config, loss: Callable[..., Any], *, task: Any, **_: Any
) -> Callable[..., tuple[Any, Any]]:
    """Return (model, features, targets, training) -> (loss per example (b,), logits (b, c)).

    Args:
        task: its `vector` is the layer that is given the vector of a text.
    """
    from tfapps.train.objectives import _pairs

    with_vectors = _pairs.WithVectors(task.vector_layer)

    def objective(
        model: Any, features: dict[str, Any], targets: dict[str, Any], training: bool
    ) -> tuple[Any, Any]:
        logits, x = with_vectors(model, features, training)
        pairs = _pairs.compared(targets["label"], features["token_ids"])
        if config.form == "supcon":
            pair_loss = _pairs.supcon(x, *pairs, config.temperature)
        else:
            pair_loss = _pairs.regression(x, *pairs)
        return loss(targets, logits) + config.weight * pair_loss, logits

    return objective


class Objective(base.Objective):
    """What other packages ask of this file."""

    compares_vectors = True
    build = staticmethod(build)
