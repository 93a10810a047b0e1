"""How far the blocks of a student are from those of its teacher."""

from __future__ import annotations

import fnmatch
from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from tfapps.errors import InputError
from tfapps.models.parts.bert_weights import evenly
from tfapps.train.teacher import distance

STATES, ATTENTION = "block_*_output_norm", "block_*_attention"
TINY = 1e-9


class Blocks:
    """Student and teacher side by side; what their blocks say is compared.

    Create it in the scope of the strategy.

    Args:
        config: `states` and `attention` are the weights of the two distances.
        model: the student.
        teachers: one model of the same inputs.

    Raises: InputError if there is not just one teacher, or one of the two has no blocks.
    """

    def __init__(self, config: Any, model: Any, teachers: Sequence[Any]) -> None:
        if len(teachers) != 1:
            raise InputError(
                f"objective.states and objective.attention need one teacher, got {len(teachers)}; "
                "set both to 0 to distil the answers of several"
            )
        self.config = config
        here, there = _blocks(model, "student"), _blocks(teachers[0], "teacher")
        there = [there[place] for place in evenly(len(here), len(there))]
        self.attentions = [[attention for attention, _ in some] for some in (here, there)]
        self.models = [
            keras.Model(
                whole.input,
                [whole.output, [norm.output for _, norm in some], [a.input for a, _ in some]],
            )
            for whole, some in ((model, here), (teachers[0], there))
        ]
        widths = [some[0][1].output.shape[-1] for some in (here, there)]
        narrower = config.states and widths[0] != widths[1]
        self.variables = [
            keras.Variable(
                keras.initializers.GlorotUniform(seed=place)(widths), name=f"projection_{place}"
            )
            for place in range(len(here) if narrower else 0)
        ]

    def __call__(self, features: dict[str, Any], training: bool) -> tuple[Any, list[Any], Any]:
        """Student's logits, the teacher's, and the weighted distance of their blocks (b,)."""
        student, guide = self.models
        logits, states, entries = student(features, training=training)
        told, wanted, origins = guide(features, training=False)
        mask = features["padding_mask"]
        far = 0.0
        if self.config.states:
            if self.variables:
                states = [ops.matmul(x, w) for x, w in zip(states, self.variables, strict=True)]
            pairs = zip(states, wanted, strict=True)
            each = [distance(state, ops.stop_gradient(aim), mask) for state, aim in pairs]
            far = far + self.config.states * sum(each) / len(each)
        if self.config.attention:
            maps, aims = (
                [attention.weights_of(*given) for attention, given in zip(some, entry, strict=True)]
                for some, entry in zip(self.attentions, (entries, origins), strict=True)
            )
            pairs = zip(maps, aims, strict=True)
            each = [_divergence(own, ops.stop_gradient(aim), mask) for own, aim in pairs]
            far = far + self.config.attention * sum(each) / len(each)
        return logits, [told], far


def _divergence(own: Any, aim: Any, mask: Any) -> Any:
    """Mean divergence (b,) of attention weights (b, h, t, t); of all heads if their numbers differ.

    Source: Wang et al. 2020, "MiniLM".
    """
    own, aim = ops.cast(own, "float32"), ops.cast(aim, "float32")
    if own.shape[1] != aim.shape[1]:
        own, aim = (ops.mean(x, axis=1, keepdims=True) for x in (own, aim))
    each = ops.sum(aim * (ops.log(aim + TINY) - ops.log(own + TINY)), axis=-1)  # b h t
    real = ops.cast(mask, "float32")
    return ops.sum(ops.mean(each, axis=1) * real, axis=1) / ops.maximum(ops.sum(real, axis=1), 1.0)


def _blocks(model: Any, who: str) -> list[tuple[Any, Any]]:
    """Attention and last normalisation of every block."""
    layers = {layer.name: layer for layer in model.layers}
    attentions, norms = (
        [layers[name] for name in layers if fnmatch.fnmatchcase(name, pattern)]
        for pattern in (ATTENTION, STATES)
    )
    if not attentions or len(attentions) != len(norms):
        raise InputError(
            f"objective.states and objective.attention: the {who} has no transformer blocks; set "
            "both to 0 to learn from answers alone"
        )
    return list(zip(attentions, norms, strict=True))
