"""What a model says of texts whose embeddings an adversary has changed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from tfapps.arrays import each
from tfapps.train.objectives import _embedded
from tfapps.train.predict import in_order, joined

# Steps of the stronger adversary, and the length of one in shares of epsilon.
STEPS, STEP = 10, 0.25


def attacked(
    model: Any,
    loss: Callable[[dict[str, Any], Any], Any],
    batches: Any,
    *,
    epsilon: float,
    norm: _embedded.Norm,
    steps: int,
) -> Any:
    """Outputs (rows, ...) in row order, each text at the worst neighbour that was found.

    Args:
        loss: what the adversary drives up: (targets, outputs) -> (b,).
        epsilon: how far it may go, in shares of the size of a text's embeddings.
        norm: `l2` or `max`, of the ball it stays in.
        steps: 1 goes to the edge at once (FGM, FGSM), more are projected (PGD).
    """
    embed, answer = _embedded.Cut()(model)
    step = 1.0 if steps == 1 else STEP

    def forward(features: dict[str, Any], targets: dict[str, Any]) -> Any:
        ball = _embedded.Ball(embed(features, False), features, epsilon, norm)
        delta = ball.climb(lambda x: loss(targets, answer(x, features, False)), steps, step)
        outputs = answer(ball.moved(delta), features, False)
        return each(lambda tensor: tf.cast(tensor, tf.float32), outputs)

    dataset = batches.epoch(0)
    spec = dataset.element_spec
    compiled = tf.function(forward, input_signature=spec[:2])
    parts = [each(lambda tensor: tensor.numpy(), compiled(*batch[:2])) for batch in dataset]
    order = np.asarray(batches.order(0))
    return each(lambda *arrays: in_order(joined(arrays), order), *parts)
