"""The loss of each text and of its worst neighbour, found in one step."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

from pydantic import Field

from tfapps.config.sections import Section
from tfapps.train.objectives import base


class Config(Section):
    """A single step of the adversary on the embeddings of a text.

    Attributes:
        epsilon: length of the step in shares of the size of the text's embeddings.
        norm: `l2` goes along the gradient (FGM, Miyato et al. 2017, "Adversarial Training Methods
            for Semi-Supervised Text Classification"), `max` along its signs (FGSM, Goodfellow et
            al. 2015).
        weight: of the neighbour's loss, that of the text being 1.
    """

    name: str = "fgm"
    epsilon: float = Field(0.01, ge=0)
    norm: Literal["l2", "max"] = "l2"
    weight: float = Field(1.0, ge=0)


def build(config: Config, loss: Callable[..., Any], **_: Any) -> Callable[..., tuple[Any, Any]]:
    """Return (model, features, targets, training) -> (loss per example (b,), logits (b, ...)).

    It is `pgd` with one step to the edge.
    """
    from tfapps.train.objectives import pgd

    same = config.model_dump(exclude={"name"})
    return pgd.build(pgd.Config(**same, steps=1, step=1.0), loss)


class Objective(base.Objective):
    """What other packages ask of this file."""

    build = staticmethod(build)
