"""Quantization-aware training: the model trains with the rounding of its integer file.

The quantizers are those of the TensorFlow Model Optimization toolkit, bound to Keras 3 layers
(Jacob et al. 2018, "Quantization and Training of Neural Networks for Efficient
Integer-Arithmetic-Only Inference").
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from tfapps.compress import base
from tfapps.compress._fine_tune import FineTune
from tfapps.layers.calibration import calibrate, settle

if TYPE_CHECKING:
    import keras

    from tfapps.compress.parts.job import Job

CALIBRATION_BATCHES = 16


class Config(FineTune):
    """How many bits are used, and from when to when rounding applies.

    Attributes:
        weight_bits: of kernels; symmetric, a range for each output channel.
        activation_bits: of the inputs of kernels; null leaves them float (weight-only).
        embedding_bits: of embedding tables, a range for each row; null leaves them float.
        activations: which ones: "products" are the inputs and outputs of kernels, "all" adds
            attention scores and weights, and the sums between blocks. The former
            is faster on a CPU, the latter is for accelerators that support only integers.
        delay: fraction of the steps before rounding starts; ranges are tracked meanwhile.
        freeze: fraction of the steps after which ranges of activations no longer change.
        keep_float: patterns of names of layers that stay float; also of layers within layers.
    """

    name: str = "qat"
    weight_bits: int = Field(8, ge=4, le=8)
    activation_bits: int | None = Field(8, ge=4, le=8)
    embedding_bits: int | None = Field(8, ge=4, le=8)
    activations: Literal["products", "all"] = "products"
    delay: float = Field(0.0, ge=0, lt=1)
    freeze: float = Field(0.8, ge=0, le=1)
    keep_float: tuple[str, ...] = ()


def plan(config: Config, job: Job) -> dict[str, Any]:
    """Use a range for each channel of a kernel, unless that would split clusters.

    Plans of older versions have no `quantize_products`: their LSTMs have no ranges of products.
    """
    from tfapps.compress._constraints import Clusters, has_constraint

    per_channel = not has_constraint(job.model, Clusters)
    return {"per_channel": per_channel, "quantize_products": True}


def build(config: Config, model: keras.Model, plan: Mapping[str, Any]) -> keras.Model:
    """Return the same model with quantizers in its layers; ranges are not learned yet."""
    return quantize(
        model,
        weight_bits=config.weight_bits,
        activation_bits=config.activation_bits,
        embedding_bits=config.embedding_bits,
        activations=config.activations,
        per_channel=plan.get("per_channel", True),
        quantize_products=plan.get("quantize_products", False),
        keep_float=config.keep_float,
    )


def begin(config: Config, model: keras.Model, batches: Iterable[Any]) -> None:
    """Calibrate ranges on a few training batches: moving averages from zero take too long."""
    calibrate(model, (batch[0] for batch in itertools.islice(batches, CALIBRATION_BATCHES)))


def callbacks(config: Config, model: keras.Model, steps: int) -> list[Any]:
    """Return the callback of `delay` and `freeze` over `steps` optimizer steps."""
    return [_schedule(model, round(config.delay * steps), round(config.freeze * steps))]


def finish(config: Config, model: keras.Model) -> None:
    """Update ranges to the final weights, and round the weights to their grids."""
    settle(model)


def trains_ranges(config: Config) -> bool:
    """Return whether activations have ranges."""
    return bool(config.activation_bits)


def report(config: Config, model: keras.Model) -> dict[str, Any]:
    """Return how many layers are quantized, and which are not."""
    from tfapps.compress.stock import report as reports

    return reports.report(model).as_dict()


def quantize(
    model: keras.Model,
    *,
    weight_bits: int = 8,
    activation_bits: int | None = 8,
    embedding_bits: int | None = 8,
    activations: str = "products",
    per_channel: bool = True,
    quantize_products: bool = True,
    keep_float: Sequence[str] = (),
) -> keras.Model:
    """Rebuild a functional or Sequential Keras model with quantizers; weights are copied.

    Layers of `tfapps.layers` are made again with bits; layers of `keras.layers` become their twins
    of `tfapps.compress.stock`. Call `calibrate` on the model before training it for a few steps,
    and `settle` afterwards.

    Args:
        model: any functional or Sequential Keras model; models and layers within it count too.
        weight_bits: of kernels, 4 to 8.
        activation_bits: of the inputs and outputs of kernels; None leaves them float.
        embedding_bits: of tables; None leaves them float.
        activations: of `tfapps.layers`: "products", or "all" for scores and sums too.
        per_channel: a range for each output channel of a kernel, else one for a kernel.
        quantize_products: of LSTMs: integer products, float gates; else one integer operation.
        keep_float: patterns of names or paths of layers that stay float.

    Raises:
        InputError: the model has no layer to quantize, or a `keep_float` pattern matches none.

    Example:
        >>> model = quantize(model, weight_bits=8)
        >>> calibrate(model, [features])
        >>> model.compile("adam", loss); model.fit(data); settle(model)
    """
    from tfapps.compress.parts import rebuilding
    from tfapps.compress.stock import copying
    from tfapps.compress.stock import quantize as stock
    from tfapps.compress.stock import report as reports
    from tfapps.errors import InputError

    bits = (weight_bits, activation_bits, embedding_bits)
    settings = stock.Settings(*bits, per_channel, tuple(keep_float))
    result = rebuilding.rebuild(model, settings, activations == "all", quantize_products)
    result = stock.quantize(result or copying.copy(model), settings)
    summary = reports.report(result)
    if not summary.quantized:
        raise InputError(f"qat: no layer of {model.name} can be quantized:\n{summary}")
    return result


def quantize_compressed(model: keras.Model, **options: Any) -> keras.Model:
    """Quantize a model, and keep the zeros of `prune` and the clusters of `cluster` in later fits.

    A range for each channel would split clusters, so a clustered kernel has one.

    Args:
        options: of `quantize`, without `per_channel`.

    Raises:
        InputError: the model is of another kind; else as `quantize`.
    """
    from tfapps.compress._constraints import Clusters, add, has_constraint, links
    from tfapps.graph.checks import checked

    checked(model, "quantize")
    result = quantize(model, per_channel=not has_constraint(model, Clusters), **options)
    targets = {weight.path: weight for weight in result.weights}
    for weight in model.weights:
        for link in links(weight) if weight.path in targets else ():
            add(targets[weight.path], link)
    return result


def _schedule(model: keras.Model, start: int, stop: int) -> Any:
    import keras

    from tfapps.layers.fake_quant import Phase, in_model

    phase = Phase(delayed=start > 0)

    class Schedule(keras.callbacks.Callback):
        """Switches the phase of all quantizers at steps `start` and `stop`."""

        def on_train_begin(self, logs: Any = None) -> None:
            self.step = 0
            for quantizer in in_model(model):
                quantizer.phase = phase

        def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
            if self.step in (0, start, stop):
                if phase.quantizing is not None:
                    phase.quantizing.assign(float(self.step >= start))
                phase.following.assign(float(self.step < stop))
            self.step += 1

        def state(self) -> dict[str, Any]:
            """Return the step of the schedule, for a checkpoint."""
            return {"step": self.step}

        def take(self, state: Mapping[str, Any]) -> None:
            """Resume from what `state` returned."""
            self.step = int(state["step"])
            if phase.quantizing is not None:
                phase.quantizing.assign(float(self.step > start))
            phase.following.assign(float(self.step <= stop))

        def on_train_end(self, logs: Any = None) -> None:
            for quantizer in in_model(model):
                quantizer.phase = None

    return Schedule()


class Compressor(base.Compressor):
    """The hooks that other packages call."""

    plan = staticmethod(plan)
    build = staticmethod(build)
    begin = staticmethod(begin)
    callbacks = staticmethod(callbacks)
    finish = staticmethod(finish)
    trains_ranges = staticmethod(trains_ranges)
    report = staticmethod(report)
