"""The distance between the blocks of a student and those of its teacher."""

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
    """Runs student and teacher on the same batch and compares their blocks.

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
        student, guide = _blocks(model, "student"), _blocks(teachers[0], "teacher")
        guide = [guide[place] for place in evenly(len(student), len(guide))]
        self.attentions = [[attention for attention, _ in blocks] for blocks in (student, guide)]
        self.models = [
            keras.Model(
                network.input,
                [network.output, [norm.output for _, norm in blocks], [a.input for a, _ in blocks]],
            )
            for network, blocks in ((model, student), (teachers[0], guide))
        ]
        widths = [blocks[0][1].output.shape[-1] for blocks in (student, guide)]
        narrower = config.states and widths[0] != widths[1]
        self.variables = [
            keras.Variable(
                keras.initializers.GlorotUniform(seed=place)(widths), name=f"projection_{place}"
            )
            for place in range(len(student) if narrower else 0)
        ]

    def __call__(self, features: dict[str, Any], training: bool) -> tuple[Any, list[Any], Any]:
        """Return the student's logits, the teacher's, and the weighted block distance (b,)."""
        student, guide = self.models
        logits, states, entries = student(features, training=training)
        guide_logits, guide_states, origins = guide(features, training=False)
        mask = features["padding_mask"]
        total = 0.0
        if self.config.states:
            if self.variables:
                states = [ops.matmul(x, w) for x, w in zip(states, self.variables, strict=True)]
            pairs = zip(states, guide_states, strict=True)
            distances = [distance(state, ops.stop_gradient(aim), mask) for state, aim in pairs]
            total = total + self.config.states * sum(distances) / len(distances)
        if self.config.attention:
            maps, aims = (
                [
                    attention.weights_of(*inputs)
                    for attention, inputs in zip(attentions, entry, strict=True)
                ]
                for attentions, entry in zip(self.attentions, (entries, origins), strict=True)
            )
            pairs = zip(maps, aims, strict=True)
            distances = [_divergence(own, ops.stop_gradient(aim), mask) for own, aim in pairs]
            total = total + self.config.attention * sum(distances) / len(distances)
        return logits, [guide_logits], total


def _divergence(own: Any, aim: Any, mask: Any) -> Any:
    """Return the mean divergence (b,) of attention (b, h, t, t); of head means if counts differ.

    Source: Wang et al. 2020, "MiniLM".
    """
    own, aim = ops.cast(own, "float32"), ops.cast(aim, "float32")
    if own.shape[1] != aim.shape[1]:
        own, aim = (ops.mean(x, axis=1, keepdims=True) for x in (own, aim))
    divergence = ops.sum(aim * (ops.log(aim + TINY) - ops.log(own + TINY)), axis=-1)  # b h t
    real = ops.cast(mask, "float32")
    return ops.sum(ops.mean(divergence, axis=1) * real, axis=1) / ops.maximum(
        ops.sum(real, axis=1), 1.0
    )


def _blocks(model: Any, who: str) -> list[tuple[Any, Any]]:
    """Return attention and last normalisation of every block."""
    layers = {layer.name: layer for layer in model.layers}
    attentions, norms = (
        [layers[name] for name in layers if fnmatch.fnmatchcase(name, pattern)]
        for pattern in (ATTENTION, STATES)
    )
    if not attentions or len(attentions) != len(norms):
        raise InputError(
            f"objective.states and objective.attention: the {who} has no transformer blocks; set "
            "both to 0 to distil the answers alone"
        )
    return list(zip(attentions, norms, strict=True))
