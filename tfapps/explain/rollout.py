"""Attention roll-out: which words the pooled state comes from, if states only mixed by attention.

It tells where a model looks, not what for: scores are shares, none is against, and they are the
same for every label.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import Field

from tfapps.config.sections import Section
from tfapps.explain import base
from tfapps.explain.parts.scores import Scores, by_word
from tfapps.explain.parts.text import Text

if TYPE_CHECKING:
    from tfapps.explain.parts.reader import Reader


class Config(Section):
    """How layers are joined (Abnar and Zuidema 2020, "Quantifying Attention Flow in Transformers").

    Attributes:
        residual: share of a state that goes past the attention of a layer.
    """

    name: str = "rollout"
    residual: float = Field(0.5, ge=0, lt=1)


def refusal(model: Any) -> str | None:
    """Tell why a model cannot be explained so; None if it can."""
    from tfapps.explain.parts.reader import attentions

    if attentions(model):
        return None
    return (
        "rollout: the model has no self-attention to roll out; use integrated_gradients or "
        "occlusion"
    )


def explain(config: Config, reader: Reader, text: Text, target: int) -> Scores:
    """Give each word its share in the pooled state; all sum up to 1."""
    flow = rolled(reader.attention(text.features), config.residual)
    return Scores(*by_word(text, reader.pooled(text.features) @ flow), total=1.0)


def rolled(weights: Sequence[np.ndarray], residual: float) -> np.ndarray:
    """Share of each first state in each last one, rows sum up to 1: layers of (h, t, t) -> (t, t).

    Heads are averaged.
    """
    flow = np.eye(weights[0].shape[-1])
    for layer in weights:
        mixed = layer.astype(np.float64).mean(axis=0)
        flow = ((1 - residual) * mixed + residual * np.eye(len(flow))) @ flow
    return flow


class Explainer(base.Explainer):
    """What other packages ask of this file."""

    refusal = staticmethod(refusal)
    explain = staticmethod(explain)
