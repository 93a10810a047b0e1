"""Pruning and clustering of any Keras 3 model, with the user's own `compile` and `fit`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from tfapps.compress import cluster, prune
from tfapps.errors import InputError

if TYPE_CHECKING:
    import keras

KERNELS = ("*kernel",)


def pruner(model: keras.Model, steps: int | None, **options: Any) -> keras.callbacks.Callback:
    """Return the callback of `tfapps.prune`; with no steps, prune at once."""
    import keras

    from tfapps.graph.checks import checked

    options["include"], options["exclude"] = _patterns(
        checked(model, "prune"), options["include"], options["exclude"]
    )
    config = _config(prune, {**options, "epochs": 0 if steps == 0 else 1})
    prune.prunable(config, model)  # refuses a wrong pattern before the fit
    model.train_function = None  # traced earlier, it has no masks
    if steps == 0:
        prune.finish(config, model)
        prune.hold(config, model)

    class Prune(keras.callbacks.Callback):
        """Updates the masks on schedule; adds the share of zeros to the logs of each epoch."""

        inner: Any = None

        def on_train_begin(self, logs: Any = None) -> None:
            if steps == 0:
                return
            total = steps or _steps(self.params)
            (self.inner,) = prune.callbacks(config, model, total)
            self.inner.on_train_begin(logs)

        def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
            if self.inner is not None:
                self.inner.on_train_batch_begin(batch, logs)

        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            if logs is not None:
                logs["sparsity"] = self.report()["sparsity"]

        def report(self) -> dict[str, float]:
            """Return the share of zeros in the pruned weights, and their number."""
            return prune.report(config, model)

    return Prune()


def clustered(
    model: keras.Model, clusters: int, include: Sequence[str] | None, exclude: Sequence[str]
) -> dict[str, float]:
    """Cluster the weights of a model in place, see `tfapps.cluster`."""
    from tfapps.graph.checks import checked

    include, exclude = _patterns(checked(model, "cluster"), include, exclude)
    config = _config(cluster, {"clusters": clusters, "include": include, "exclude": exclude})
    cluster.begin(config, model, ())
    model.train_function = None  # traced earlier, it does not keep clusters
    return cluster.report(config, model)


def _config(compressor: Any, options: dict[str, Any]) -> Any:
    from pydantic import ValidationError

    try:
        return compressor.Config(**options)
    except ValidationError as error:
        name = compressor.Config().name if compressor is cluster else "prune"
        reasons = (
            ": ".join([*map(str, each["loc"]), each["msg"].removeprefix("Value error, ")])
            for each in error.errors()
        )
        raise InputError(f"{name}: {'; '.join(reasons)}") from None


def _patterns(
    model: keras.Model, include: Sequence[str] | None, exclude: Sequence[str]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the patterns of weights; by default every kernel but those of depthwise convolutions.

    These have few weights, each of which counts; the toolkit leaves them alone too.
    """
    if include is not None:
        return tuple(include), tuple(exclude)
    import keras

    kernels = [
        layer.kernel if hasattr(layer, "kernel") else layer.depthwise_kernel
        for layer in model._flatten_layers()
        if isinstance(
            layer,
            keras.layers.DepthwiseConv1D
            | keras.layers.DepthwiseConv2D
            | keras.layers.SeparableConv1D
            | keras.layers.SeparableConv2D,
        )
    ]
    return KERNELS, (*exclude, *(kernel.path for kernel in kernels))


def _steps(params: dict[str, Any] | None) -> int:
    """Return the optimizer steps of the fit that has begun."""
    epochs, by_epoch = ((params or {}).get(name) for name in ("epochs", "steps"))
    if not epochs or not by_epoch:
        raise InputError(
            "prune: fit does not know how many steps an epoch has; give tfapps.prune(model, "
            "steps=...), the number of optimizer steps of all epochs"
        )
    return epochs * by_epoch
