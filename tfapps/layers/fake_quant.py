"""Fake quantization: rounds float values to the grid of an integer type during training."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import KerasTensor, ops

from tfapps.layers._arguments import Arguments
from tfapps.layers._channels import extremes, factors, peaks

KINDS = ("last", "moving", "all", "fixed")
NOTHING = 1e-30


@keras.saving.register_keras_serializable("tfapps")
class FakeQuant(Arguments):
    """Round values to one of 2**bits steps within a range; gradients pass inside it.

    The numerics are those of the TensorFlow Model Optimization toolkit: `last`, `moving` and `all`
    are its LastValue, MovingAverage and AllValues quantizers. Ranges are weights, `low` and `high`;
    they are updated in training and only read elsewhere.

    Args:
        bits: of the integer type, 2 to 16.
        kind: where the range comes from: "last", the current tensor (weights); "moving", an
            average over batches (activations); "all", the widest so far; "fixed", never updated.
        axis: the axis with a range per entry; None is one range for the tensor.
        symmetric: use a range symmetric around zero.
        narrow: leave out the lowest integer, so that the grid is symmetric too.
        decay: of the moving average, per step.
        start: both ends before the first batch; None is (-6, 6), for "all" (0, 0).
        equalize: divide each channel (of the last axis) by a factor before rounding, and multiply
            by it afterwards: a few channels much larger than most would leave
            the rest too few steps. `learn` sets the factors where needed (similar to
            Nagel et al. 2019, "Data-Free Quantization Through Weight Equalization and Bias
            Correction"); before a product with a range for each channel they cost nothing.
        warm: start the moving average as the mean of the batches so far. Without it, the average
            moves from `start` by a thousandth a step: short trainings need `learn` first.

    Shapes: any -> the same.

    Raises:
        ValueError: for an unknown kind or an unsupported number of bits.
    """

    def __init__(
        self,
        bits: int = 8,
        kind: str = "moving",
        axis: int | None = None,
        symmetric: bool = False,
        narrow: bool = False,
        decay: float = 0.999,
        start: Sequence[float] | None = None,
        equalize: bool = False,
        warm: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if kind not in KINDS:
            raise ValueError(f"range: got {kind!r}, expected one of {', '.join(KINDS)}")
        if not 2 <= bits <= 16:
            raise ValueError(f"bits: got {bits}, expected 2 to 16")
        self.bits, self.kind, self.axis = bits, kind, axis
        self.symmetric, self.narrow, self.decay = symmetric, narrow, decay
        self.start = tuple(start or ((0.0, 0.0) if kind == "all" else (-6.0, 6.0)))
        self.equalize, self.warm = equalize, warm
        self.supports_masking = True
        self.off = False  # pass values through permanently
        self.native: Any = None  # the exporter's operation, which the converter supports
        self.phase: Any = None  # see `Phase`; None: quantize, and update the range
        self.seen: list[Any] | None = None  # a list to record ranges in instead of quantizing
        self.by_channel = equalize  # record them for each channel

    def build(self, input_shape: Sequence[int | None]) -> None:
        shape = () if self.axis is None else (input_shape[self.axis],)

        def end(name: str, value: float) -> Any:
            return self.add_weight(
                name=name,
                shape=shape,
                initializer=keras.initializers.Constant(value),
                trainable=False,
                autocast=False,
                aggregation="mean",
            )

        self.low = end("low", self.start[0])
        self.high = end("high", self.start[1])
        if self.warm:
            self.batches = self.add_weight(name="batches", initializer="zeros", trainable=False)
        if self.equalize:
            self.gain = self.add_weight(
                name="gain",
                shape=input_shape[-1:],
                initializer="ones",
                trainable=False,
                autocast=False,
            )

    def call(self, x: KerasTensor, training: bool = False) -> KerasTensor:
        if self.off:
            return x
        if self.seen is not None:
            ends = self.range_of(x, -1 if self.by_channel else self.axis)
            self.seen.append([ops.convert_to_numpy(end) for end in ends])
            return x
        if not self.equalize:
            return self._quantize(x, training)
        # In float32 also under mixed precision: 1 / gain * gain would err by more than a step.
        gain, dtype = ops.convert_to_tensor(self.gain), x.dtype
        x = ops.multiply(ops.cast(x, "float32"), ops.divide(1.0, gain))
        return ops.cast(ops.multiply(self._quantize(x, training), gain), dtype)

    def _quantize(self, x: KerasTensor, training: bool) -> KerasTensor:
        if self.kind == "fixed" or not training:
            return self._round(x, self.low, self.high)
        low, high = self._follow(x)
        if self.phase is None or self.phase.quantizing is None:
            return self._round(x, low, high)
        on = ops.greater(ops.convert_to_tensor(self.phase.quantizing), 0.5)
        return ops.cond(on, lambda: self._round(x, low, high), lambda: ops.convert_to_tensor(x))

    def range_of(self, x: KerasTensor, axis: int | None) -> tuple[KerasTensor, KerasTensor]:
        """Return the ends of the range of `x`, including zero: (), or one per entry of `axis`."""
        x = ops.stop_gradient(ops.cast(x, "float32"))
        axes = None
        if axis is not None:
            axes = tuple(i for i in range(len(x.shape)) if i != axis % len(x.shape))
        low, high = ops.min(x, axis=axes), ops.max(x, axis=axes)
        if self.symmetric:
            steps = 2**self.bits
            ratio = -1.0 if self.narrow else -(steps - 2) / steps
            low, high = ops.minimum(low, high / ratio), ops.maximum(high, low * ratio)
        return ops.minimum(low, 0.0), ops.maximum(high, 0.0)

    def settle(self, x: KerasTensor) -> None:
        """Set the range to that of `x`, after training: weights changed since the last update."""
        for weight, end in zip((self.low, self.high), self.range_of(x, self.axis), strict=True):
            weight.assign(end)

    def learn(self, ranges: Sequence[Any]) -> None:
        """Set the range, and the factors of the channels, from recorded ranges."""
        low, high = (function(ends, axis=0) for function, ends in extremes(ranges))
        if self.equalize:
            gain = factors(peaks(ranges))
            self.gain.assign(gain)
            low, high = low / gain, high / gain
        if self.axis is None:
            low, high = low.min(), high.max()
        self.low.assign(low)
        self.high.assign(high)
        if self.warm:
            self.batches.assign(1 / (1 - self.decay))

    def _follow(self, x: KerasTensor) -> tuple[KerasTensor, KerasTensor]:
        """Update the range from that of `x`; return the new range."""
        ends, share = [], self._share()
        for weight, end, wider in zip(
            (self.low, self.high),
            self.range_of(x, self.axis),
            (ops.minimum, ops.maximum),
            strict=True,
        ):
            before = ops.convert_to_tensor(weight)
            rate = 1.0 if self.phase is None else ops.convert_to_tensor(self.phase.following)
            if self.kind == "moving":
                end = before - (before - end) * (share * rate)
            elif self.kind == "all":
                end = before + (wider(before, end) - before) * rate
            weight.assign(end)
            ends.append(end)
        return ends[0], ends[1]

    def _share(self) -> Any:
        """Return how much of a moving average the current batch is."""
        if not self.warm:
            return 1.0 - self.decay
        count = ops.add(self.batches, 1.0)
        self.batches.assign(count)
        return ops.maximum(ops.divide(1.0, count), 1.0 - self.decay)

    def _round(self, x: KerasTensor, low: Any, high: Any) -> KerasTensor:
        low, high = ops.convert_to_tensor(low), ops.convert_to_tensor(high)
        if self.native is not None:
            return self.native(x, low, high, self.bits, self.narrow)
        # TensorFlow's per-channel operation is 20 to 80 times slower than these.
        if self.axis is not None:
            rank = len(x.shape)
            shape = [-1 if i == self.axis % rank else 1 for i in range(rank)]
            low, high = ops.reshape(low, shape), ops.reshape(high, shape)
        dtype = x.dtype
        x = ops.cast(ops.convert_to_tensor(x), "float32")
        return ops.cast(_rounded(x, *_nudged(low, high, self.bits, self.narrow)), dtype)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return input_shape


class Phase:
    """What all quantizers of a model do in training; two switches that a schedule sets.

    Attributes:
        quantizing: 1 to round values, 0 to pass them through (ranges are still updated); None,
            without `delayed`, to always round: a branch in each quantizer costs time.
        following: 1 to update ranges of activations, 0 to keep them.
    """

    def __init__(self, delayed: bool) -> None:
        # Ranges are float32 also under mixed precision, and so are their factors.
        switch = {"trainable": False, "autocast": False}
        self.quantizing = None
        if delayed:
            self.quantizing = keras.Variable(0.0, name="quantizing", **switch)
        self.following = keras.Variable(1.0, name="following", **switch)


def weight_quantizer(bits: int | None, axis: int | None, **kwargs: Any) -> FakeQuant | None:
    """Return a symmetric, narrow quantizer of weights by their own range; None without bits."""
    if bits is None:
        return None
    return FakeQuant(bits, "last", axis, symmetric=True, narrow=True, **kwargs)


def value_quantizer(bits: int | None, kind: str = "moving", **kwargs: Any) -> FakeQuant | None:
    """Return a quantizer of activations: one range per tensor; None without bits."""
    return None if bits is None else FakeQuant(bits, kind, **kwargs)


def quantized(quantizer: FakeQuant | None, x: KerasTensor, training: bool = False) -> KerasTensor:
    """Return `x` after its quantizer, or unchanged without one."""
    return x if quantizer is None else quantizer(x, training=training)


def isolate(x: KerasTensor, island: float | None) -> KerasTensor:
    """Return `x`, in the exporter's integer graph times `island`, a factor just above one.

    The converter turns every operation with ranges on both sides into an integer one, and
    propagates ranges. None lies between this product and sum, so operations before and after it
    keep their own steps. The sum adds less than float precision.
    """
    return x if island is None else ops.add(ops.multiply(x, island), NOTHING)


def build(*pairs: tuple[FakeQuant | None, Sequence[int | None]]) -> None:
    """Build the quantizers of a layer for tensors of these shapes, from within its own `build`.

    Keras only asks layers for shapes while it builds a model, so it would not build them.
    """
    for quantizer, shape in pairs:
        if quantizer is not None:
            quantizer.build(shape)


def by_row(x: KerasTensor, bits: int | None) -> KerasTensor:
    """Round every vector of the last axis by its own symmetric range; None returns `x` unchanged.

    For rows looked up in a table: a row's range depends only on the row, so none has to
    be stored, and rows that a batch does not use cost no time.
    """
    if bits is None:
        return x
    dtype, x = x.dtype, ops.cast(x, "float32")
    most = ops.stop_gradient(ops.max(ops.abs(x), axis=-1, keepdims=True))
    return ops.cast(_rounded(x, *_nudged(ops.negative(most), most, bits, True)), dtype)


def _nudged(low: Any, high: Any, bits: int, narrow: bool) -> tuple[Any, Any, Any, Any]:
    """Return the range shifted so that zero is on the grid, its step, and a nonzero step."""
    least, most = (1.0 if narrow else 0.0), 2.0**bits - 1.0
    scale = ops.divide(ops.subtract(high, low), most - least)
    safe = ops.where(ops.equal(scale, 0.0), ops.ones_like(scale), scale)
    zero = ops.subtract(least, ops.divide(low, safe))
    zero = ops.clip(ops.floor(ops.add(zero, 0.5)), least, most)
    return ops.multiply(least - zero, scale), ops.multiply(most - zero, scale), scale, safe


@ops.custom_gradient
def _rounded(x: Any, low: Any, high: Any, scale: Any, safe: Any) -> Any:
    inverse = ops.divide(1.0, safe)
    zero = ops.floor(ops.add(ops.multiply(ops.negative(low), inverse), 0.5))
    steps = ops.multiply(ops.subtract(ops.clip(x, low, high), low), inverse)
    y = ops.multiply(ops.floor(ops.add(ops.subtract(steps, zero), 0.5)), scale)

    def gradient(*args: Any, upstream: Any = None) -> tuple[Any, ...]:
        upstream = args[0] if upstream is None else upstream
        inside = ops.logical_and(ops.greater_equal(x, low), ops.less_equal(x, high))
        passed = ops.where(inside, upstream, ops.zeros_like(upstream))
        return passed, *(ops.zeros_like(end) for end in (low, high, scale, safe))

    return y, gradient


def in_model(model: Any) -> list[FakeQuant]:
    """Return every quantizer of a model, in the order of its layers."""
    return [x for x in model._flatten_layers() if isinstance(x, FakeQuant)]
