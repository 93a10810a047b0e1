"""Quantization-aware training: the model learns on the grids of the integers it will be made of.

The quantizers are those of the TensorFlow Model Optimization toolkit, bound to Keras 3 layers
(Jacob et al. 2018, "Quantization and Training of Neural Networks for Efficient
Integer-Arithmetic-Only Inference").
"""

from __future__ import annotations

import fnmatch
import itertools
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from tfapps.compress import base
from tfapps.compress._fine_tune import FineTune

if TYPE_CHECKING:
    import keras

    from tfapps.compress.parts.job import Job

CALIBRATION_BATCHES = 16
# What stands between two layers without changing values when the model answers.
TRANSPARENT = ("Dropout", "Identity")


class Config(FineTune):
    """How fine the grids are and when they are felt.

    Attributes:
        weight_bits: of kernels; symmetric, a range for each output channel.
        activation_bits: of what kernels are multiplied with; null leaves it float (weight-only).
        embedding_bits: of embedding tables, a range for each row; null leaves them float.
        activations: which: those of "products" with a kernel (what goes in and what comes out),
            or "all": attention scores and weights, and the sums between blocks as well. The former
            is quicker on a CPU, the latter for accelerators that know nothing but integers.
        delay: fraction of the steps before anything is rounded; ranges are followed meanwhile.
        freeze: fraction of the steps after which ranges of activations stay as they are.
        keep_float: patterns of layer names that are left alone.
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
    """Whether kernels have a range for each channel: not if that would tear clusters apart."""
    from tfapps.compress._constraints import Clusters, held

    return {"per_channel": not held(job.model, Clusters)}


def build(config: Config, model: keras.Model, plan: Mapping[str, Any]) -> keras.Model:
    """The same model with quantizers in its layers; ranges still to be learned."""
    return quantize(
        model,
        weight_bits=config.weight_bits,
        activation_bits=config.activation_bits,
        embedding_bits=config.embedding_bits,
        activations=config.activations,
        per_channel=plan.get("per_channel", True),
        keep_float=config.keep_float,
    )


def begin(config: Config, model: keras.Model, batches: Iterable[Any]) -> None:
    """Learn first ranges from a few training batches: an average from nothing takes too long."""
    calibrate(model, (batch[0] for batch in itertools.islice(batches, CALIBRATION_BATCHES)))


def callbacks(config: Config, model: keras.Model, steps: int) -> list[Any]:
    """The schedule of `delay` and `freeze` over `steps` optimizer steps."""
    return [_schedule(model, round(config.delay * steps), round(config.freeze * steps))]


def finish(config: Config, model: keras.Model) -> None:
    """Weights moved after their ranges were last taken, and lie between two steps."""
    settle(model)


def trains_ranges(config: Config) -> bool:
    """Return whether activations have ranges."""
    return bool(config.activation_bits)


def quantize(
    model: keras.Model,
    *,
    weight_bits: int = 8,
    activation_bits: int | None = 8,
    embedding_bits: int | None = 8,
    activations: str = "products",
    per_channel: bool = True,
    keep_float: Sequence[str] = (),
) -> keras.Model:
    """A functional model of our layers, built anew with quantizers; weights are carried over.

    Call `calibrate` on it before training it, and `settle` afterwards.

    Raises:
        InputError: there is nothing to quantize, or a pattern of `keep_float` meets no layer.

    Example:
        >>> model = quantize(model, weight_bits=8)
        >>> calibrate(model, [features])
        >>> model.compile("adam", loss); model.fit(data); settle(model)
    """
    from tfapps.errors import InputError
    from tfapps.graph.clone import clone, leaves

    layers = leaves(model)
    kept = _kept([layer.name for layer in layers], keep_float)
    everything = activations == "all"

    def change(layer: Any) -> dict[str, Any]:
        if layer.name in kept:
            return {}
        there = layer.get_config()
        product = "weight_bits" in there
        done = everything and "quantize_input" in there and _follows_a_norm(layer, kept)
        wanted = {
            "weight_bits": embedding_bits if _is_table(layer) else weight_bits,
            "activation_bits": activation_bits if product or everything else None,
            "quantize_scores": everything,
            "per_channel": per_channel,
            "quantize_input": not done,
            "equalize": per_channel and not everything,
        }
        return {key: value for key, value in wanted.items() if key in there}

    if not any("weight_bits" in change(layer) for layer in layers):
        raise InputError(
            "qat: no layer that can be quantized; build the model of the layers in tfapps.layers"
        )
    return clone(model, change)


def calibrate(model: keras.Model, batches: Iterable[Any]) -> None:
    """Set the ranges of activations to what some batches of features show."""
    from tfapps.layers.fake_quant import in_model

    moving = [quantizer for quantizer in in_model(model) if quantizer.kind in ("moving", "all")]
    for quantizer in moving:
        quantizer.seen = []
    _settle_ranges(model)
    for features in batches:
        model(features, training=False)
    for layer in model._flatten_layers():
        if hasattr(layer, "equalize_input"):
            layer.equalize_input()
    _settle_ranges(model)
    for quantizer in moving:
        seen, quantizer.seen = quantizer.seen, None
        if seen:
            quantizer.learn(seen)


def settle(model: keras.Model) -> None:
    """Bring the ranges of weights up to the weights and these to their grids, after training.

    Weights that training left between two steps would be rounded this way in one graph and that
    way in another.
    """
    _settle_ranges(model)
    for layer in model._flatten_layers():
        if hasattr(layer, "round_weights"):
            layer.round_weights()


def _settle_ranges(model: keras.Model) -> None:
    for layer in model._flatten_layers():
        if hasattr(layer, "settle_ranges"):
            layer.settle_ranges()


def _kept(names: Sequence[str], patterns: Sequence[str]) -> set[str]:
    """Names of the layers that meet a pattern; each pattern has to meet one."""
    from tfapps.errors import InputError

    for pattern in patterns:
        if not fnmatch.filter(names, pattern):
            raise InputError(
                f"qat.keep_float: {pattern!r} meets no layer; expected a pattern of layer names: "
                f"{', '.join(names[:12])}, ..."
            )
    return {name for pattern in patterns for name in fnmatch.filter(names, pattern)}


def _is_table(layer: Any) -> bool:
    return "Embedding" in type(layer).__name__


def _follows_a_norm(layer: Any, kept: Collection[str]) -> bool:
    """Whether the layer's first input comes out of a normalisation, which quantizes it."""
    tensor = layer.input
    while True:
        if isinstance(tensor, list | tuple | dict):
            tensor = next(iter(tensor.values() if isinstance(tensor, dict) else tensor))
        source = tensor._keras_history.operation
        if type(source).__name__ not in TRANSPARENT:
            return type(source).__name__ == "LayerNorm" and source.name not in kept
        tensor = source.input


def _schedule(model: keras.Model, start: int, stop: int) -> Any:
    import keras

    from tfapps.layers.fake_quant import Phase, in_model

    phase = Phase(delayed=start > 0)

    class Schedule(keras.callbacks.Callback):
        """Turns the switches of all quantizers at the steps given."""

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
            """How far the schedule is."""
            return {"step": self.step}

        def take(self, state: Mapping[str, Any]) -> None:
            """Go on from what `state` gave."""
            self.step = int(state["step"])
            if phase.quantizing is not None:
                phase.quantizing.assign(float(self.step > start))
            phase.following.assign(float(self.step <= stop))

        def on_train_end(self, logs: Any = None) -> None:
            for quantizer in in_model(model):
                quantizer.phase = None

    return Schedule()


class Compressor(base.Compressor):
    """What other packages ask of this file."""

    plan = staticmethod(plan)
    build = staticmethod(build)
    begin = staticmethod(begin)
    callbacks = staticmethod(callbacks)
    finish = staticmethod(finish)
    trains_ranges = staticmethod(trains_ranges)
