"""Outputs of a model on texts whose embeddings an adversary has changed."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, get_args

import numpy as np
import tensorflow as tf

from tfapps.features.arrays import map_arrays
from tfapps.graph import cut
from tfapps.train import embedded
from tfapps.train.forward import in_order, joined

STEP = 0.25  # the length of one of several steps, in shares of epsilon


class Adversary:
    """Moves the embeddings of every text of a set to where the model's loss is high.

    One step is compiled, and reused for any number of steps of any length. The adversary's steps
    are those of the objectives `fgm` and `pgd`.

    Args:
        loss: the adversary maximizes it: (targets, outputs) -> (b,).
    """

    def __init__(
        self, model: Any, loss: Callable[[dict[str, Any], Any], Any], batches: Any
    ) -> None:
        embed, answer = cut.Cut()(model)
        self._batches = batches
        features, targets, *_ = batches.epoch(0).element_spec
        number = tf.TensorSpec((), tf.float32)
        delta = tf.TensorSpec((None, None, None), tf.float32)

        def climbed(
            norm: embedded.Norm, features: Any, targets: Any, delta: Any, epsilon: Any, step: Any
        ) -> Any:
            ball = embedded.Ball(embed(features, False), features, epsilon, norm)
            return ball.climbed(delta, lambda x: loss(targets, answer(x, features, False)), step)

        def outputs(features: Any, delta: Any) -> Any:
            x = embed(features, False)
            result = answer(x + tf.cast(delta, x.dtype), features, False)
            return map_arrays(lambda tensor: tf.cast(tensor, tf.float32), result)

        def still(features: Any) -> Any:
            return tf.zeros_like(embed(features, False), tf.float32)

        self._still = tf.function(still, input_signature=[features], autograph=False)
        self._climbed = {
            norm: tf.function(
                functools.partial(climbed, norm),
                input_signature=[features, targets, delta, number, number],
                autograph=False,
            )
            for norm in get_args(embedded.Norm)
        }
        self._outputs = tf.function(outputs, input_signature=[features, delta], autograph=False)

    def outputs(
        self,
        norm: embedded.Norm,
        epsilon: float,
        steps: int,
        on_step: Callable[[], None] = lambda: None,
    ) -> Any:
        """Return outputs (rows, ...) in row order, of each text at its worst neighbour found.

        Args:
            norm: of the ball that limits the change.
            epsilon: radius of the ball, as a share of the size of a text's embeddings.
            steps: 1 is one step to the edge (FGM, FGSM), more are projected (PGD).
            on_step: called after each step of each batch.
        """
        step = 1.0 if steps == 1 else STEP
        parts = []
        for features, targets, *_ in self._batches.epoch(0):
            delta = self._still(features)
            for _ in range(steps):
                delta = self._climbed[norm](features, targets, delta, epsilon, step)
                on_step()
            parts.append(map_arrays(lambda tensor: tensor.numpy(), self._outputs(features, delta)))
        order = np.asarray(self._batches.order(0))
        return map_arrays(lambda *arrays: in_order(joined(arrays), order), *parts)
