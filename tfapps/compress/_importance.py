"""The importance of a model's blocks, attention heads and feed-forward units."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

if TYPE_CHECKING:
    import keras

    from tfapps.compress.parts.job import Job

ROWS = 256  # of the dev set: more rows cost time and do not change the ranking
Scores = dict[int, np.ndarray]


def widths(
    job: Job, model: keras.Model, kind: Literal["gradient", "magnitude"]
) -> tuple[Scores, Scores]:
    """Return the importance of heads and units: {block: (heads,)} and {block: (units,)}.

    Args:
        model: the job's model, or a copy without the removed blocks.
        kind: "gradient", the change of the dev loss that a first-order estimate expects if the
            head or unit were zero, or "magnitude", the norm of its weights.
    """
    from tfapps.compress._blocks import blocks

    model_blocks = blocks(model)
    if kind == "magnitude":
        return _norms(model_blocks)
    kernels = []
    for block in model_blocks.values():
        kernels += [(block.attention.output_projection.kernel, block.heads)]
        kernels += [(block.output.kernel, block.units)]
    sensitivities = _sensitivities(model, kernels, job.loss, rows(job))
    return dict(zip(model_blocks, sensitivities[::2], strict=True)), dict(
        zip(model_blocks, sensitivities[1::2], strict=True)
    )


def weakest_blocks(job: Job, count: int) -> list[int]:
    """Return the `count` blocks whose removal raises the dev loss least, chosen one at a time."""
    import keras

    from tfapps.compress._blocks import blocks, layers_of
    from tfapps.graph.clone import clone

    # On a copy: a layer that is called again would no longer have one input.
    copy = clone(job.model, lambda layer: {})
    batches = list(rows(job))
    removed: list[int] = []
    for _ in range(count):
        losses = {}
        for number in set(blocks(copy)) - set(removed):
            skip = layers_of(copy, [*removed, number])

            def call(layer: Any, *args: Any, skip: set[str] = skip, **kwargs: Any) -> Any:
                return args[0] if layer.name in skip else layer(*args, **kwargs)

            shorter = keras.models.clone_model(copy, clone_function=_same, call_function=call)
            losses[number] = _loss(shorter, job.loss, batches)
        removed.append(min(losses, key=lambda number: (losses[number], number)))
    return sorted(removed)


def rows(job: Job) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Yield the batches of (features, targets) of about `ROWS` dev rows from all over the set."""
    import keras

    total = len(job.examples["dev"])
    step = max(1, total // ROWS)
    for features, targets, weight in job.batches("dev"):
        keep = np.flatnonzero(keras.ops.convert_to_numpy(weight) > 0)[::step]
        if len(keep):
            yield (
                {name: keras.ops.take(value, keep, axis=0) for name, value in features.items()},
                {name: keras.ops.take(value, keep, axis=0) for name, value in targets.items()},
            )


def _same(layer: Any) -> Any:
    return layer


def _loss(model: keras.Model, loss: Callable[..., Any], batches: Iterable[Any]) -> float:
    """Return the mean loss over the rows."""
    import keras

    parts = [loss(targets, model(features, training=False)) for features, targets in batches]
    return float(np.mean(np.concatenate([keras.ops.convert_to_numpy(part) for part in parts])))


def _sensitivities(
    model: keras.Model,
    kernels: list[tuple[Any, int]],
    loss: Callable[..., Any],
    batches: Iterable[Any],
) -> list[np.ndarray]:
    """Return sums over examples of |activation x gradient|, by groups of input rows of kernels.

    A kernel's row times its gradient is the activation that it multiplies times the gradient of
    that, summed over the tokens, so the activations need not be stored (Michel et al. 2019, "Are
    Sixteen Heads Really Better than One?"; Molchanov et al. 2017, "Pruning Convolutional Neural
    Networks for Resource Efficient Inference").

    Args:
        kernels: (kernel (groups * size, d), groups).
    """
    import tensorflow as tf

    values = [kernel.value for kernel, _ in kernels]

    @tf.function(reduce_retracing=True, autograph=False)
    def each(features: Any, targets: Any) -> list[tf.Tensor]:
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            for value in values:
                tape.watch(value)
            total = tf.reduce_sum(loss(targets, model(features, training=False)))
        gradients = tape.gradient(total, values)
        return [
            tf.abs(tf.reduce_sum(tf.reshape(value * gradient, (groups, -1)), axis=1))
            for value, gradient, (_, groups) in zip(values, gradients, kernels, strict=True)
        ]

    sums = [np.zeros(groups) for _, groups in kernels]
    for features, targets in batches:
        for row in range(len(next(iter(features.values())))):
            parts = each(_row(features, row), _row(targets, row))
            sums = [total + part.numpy() for total, part in zip(sums, parts, strict=True)]
    return sums


def _row(columns: Mapping[str, Any], row: int) -> dict[str, Any]:
    return {name: value[row : row + 1] for name, value in columns.items()}


def _norms(model_blocks: Mapping[int, Any]) -> tuple[Scores, Scores]:
    """Return the norm of a head's or unit's input weights times that of its output weights."""

    def norm(matrix: np.ndarray) -> np.ndarray:
        return np.linalg.norm(matrix, axis=1)

    heads, units = {}, {}
    for number, block in model_blocks.items():
        count = block.heads
        _, _, value = np.split(block.attention.qkv.kernel.numpy(), 3, axis=1)
        out = block.attention.output_projection.kernel.numpy()
        heads[number] = norm(value.T.reshape(count, -1)) * norm(out.reshape(count, -1))
        inner = block.intermediate.kernel.numpy()
        units[number] = norm(inner.T) * norm(block.output.kernel.numpy())
    return heads, units
