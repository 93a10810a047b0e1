"""Losses over pairs of texts of a batch: those of one label should be alike."""

from __future__ import annotations

from typing import Any

from keras import ops

from tfapps.errors import InputError

TINY = 1e-12


class WithVectors:
    """Outputs of the model it is called with, and what its layer `name` is given, (b, d)."""

    def __init__(self, name: str) -> None:
        self._name, self._of, self._both = name, None, None

    def __call__(self, model: Any, features: dict[str, Any], training: bool) -> tuple[Any, Any]:
        if self._of is not model:
            self._of, self._both = model, self._cut(model)
        return self._both(features, training=training)

    def _cut(self, model: Any) -> Any:
        import keras

        if not hasattr(model, "get_layer"):
            raise InputError(
                "objective: contrastive needs the whole model, and distill_layers shows it a "
                "part; leave one of them out"
            )
        return keras.Model(model.input, [model.output, model.get_layer(self._name).input])


def compared(label: Any, ids: Any) -> tuple[Any, Any]:
    """Return which pairs are alike and which differ, float32 (b, b), 1 where they do.

    A text is in no pair with itself, nor with a copy: a batch that was filled up has some.

    Args:
        label: (b,).
        ids: of the tokens, (b, t).
    """
    copies = ops.all(ops.equal(ops.expand_dims(ids, 1), ops.expand_dims(ids, 0)), axis=-1)
    same = ops.equal(ops.expand_dims(label, 1), ops.expand_dims(label, 0))
    alike = ops.logical_and(same, ops.logical_not(copies))
    return ops.cast(alike, "float32"), ops.cast(ops.logical_not(same), "float32")


def cosines(x: Any) -> Any:
    """Return the cosines of vectors (b, d), float32 (b, b)."""
    x = ops.cast(x, "float32")
    square = ops.sum(ops.square(x), axis=-1, keepdims=True)
    x = x * ops.rsqrt(ops.maximum(square, TINY))
    return ops.matmul(x, ops.transpose(x))


def supcon(x: Any, alike: Any, differ: Any, temperature: float) -> Any:
    """Return the supervised contrastive loss of each text, (b,); 0 for one alone with its label.

    Source: Khosla et al. 2020, "Supervised Contrastive Learning", the sum outside the logarithm.
    """
    near = (cosines(x) - 1.0) / temperature  # 1 is the most: the exponent does not overflow
    others = ops.sum(ops.exp(near) * (alike + differ), axis=1, keepdims=True)
    log_share = near - ops.log(ops.maximum(others, TINY**3))
    return -ops.sum(log_share * alike, axis=1) / ops.maximum(ops.sum(alike, axis=1), 1.0)


def regression(x: Any, alike: Any, differ: Any) -> Any:
    """Return the squared distance of cosines from 1 within a label and from 0 across, (b,).

    Both kinds count the same, however many there are (Tunstall et al. 2022, "Efficient Few-Shot
    Learning Without Prompts").
    """
    near = cosines(x)
    pairs = ((alike, ops.square(1.0 - near)), (differ, ops.square(near)))
    means = [ops.sum(w * far, axis=1) / ops.maximum(ops.sum(w, axis=1), 1.0) for w, far in pairs]
    return sum(means) / 2.0
