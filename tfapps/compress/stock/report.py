"""States which layers of a model are quantized, and why the others are not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import keras
from keras import layers

from tfapps.compress.stock.places import TRANSPARENT, functional, is_float, is_graph
from tfapps.compress.stock.quantize import Composite
from tfapps.compress.stock.twins.base import Merge, Twin
from tfapps.layers.fake_quant import FakeQuant
from tfapps.layers.quantized import Quantized

PRECISION = "its sums need more than 8 bits, and integer forms would split the file's graph"
REASONS = {
    layers.LayerNormalization: PRECISION,
    layers.RMSNormalization: PRECISION,
    layers.GroupNormalization: PRECISION,
    layers.UnitNormalization: PRECISION,
    layers.Softmax: PRECISION,
    layers.Normalization: "it scales the input, before the first range",
    layers.RNN: "its cell is not one of keras.layers.LSTM, GRU or SimpleRNN",
    layers.Rescaling: "it scales the input, before the first range",
}
OURS = "it has no kernel of its own, and is computed in float between products"
UNKNOWN = "no quantized form; a custom layer states its own in `quantized_weights`"
# What has no values of its own to round.
SILENT = (*TRANSPARENT, layers.InputLayer, layers.Masking)
SILENT_OPERATIONS = ("GetItem", "Reshape", "Transpose", "Squeeze", "ExpandDims", "Cast")


@dataclass(frozen=True)
class Row:
    """A layer of the report.

    Attributes:
        layer: its path.
        kind: the class of it.
        bits: of its weights, or of its output if it has none; None: it is float.
        reason: why it is float.
    """

    layer: str
    kind: str
    bits: int | None = None
    reason: str = ""


@dataclass(frozen=True)
class Report:
    """Which layers of a model are quantized.

    Attributes:
        quantized: the layers that train with the rounding of integers.
        floats: the others, but for those that only move values, such as Flatten.
    """

    quantized: tuple[Row, ...]
    floats: tuple[Row, ...]

    def __str__(self) -> str:
        lines = []
        for bits in sorted({row.bits for row in self.quantized}):
            names = [f"{row.layer} ({row.kind})" for row in self.quantized if row.bits == bits]
            lines.append(f"{bits} bits: {', '.join(names)}")
        for reason in dict.fromkeys(row.reason for row in self.floats):
            names = [f"{row.layer} ({row.kind})" for row in self.floats if row.reason == reason]
            lines.append(f"float: {', '.join(names)}: {reason}")
        return "\n".join(lines)

    def as_dict(self) -> dict[str, Any]:
        """Return the report as JSON can hold it, for metrics.json."""
        kinds = Counter(row.kind for row in self.floats)
        float_kinds = ", ".join(f"{count} {kind}" for kind, count in kinds.most_common())
        return {
            "quantized_layers": len(self.quantized),
            "float_layers": f"{len(self.floats)} ({float_kinds})" if kinds else 0,
            "layers": {row.layer: row.bits for row in self.quantized}
            | {row.layer: f"float: {row.reason}" for row in self.floats},
        }


def report(model: Any) -> Report:
    """Return which layers of a model are quantized, and why the others are not.

    Example:
        >>> print(report(tfapps.quantize(model)))
        8 bits: conv2d (Conv2D), dense (Dense)
        float: softmax (Softmax: its sums need more than 8 bits, ...)
    """
    rows = list(_rows(model))
    return Report(
        tuple(row for row in rows if row.bits), tuple(row for row in rows if not row.bits)
    )


def _rows(layer: Any, parent: str = "") -> Iterator[Row]:
    """Yield the rows of the layers within a layer or model."""
    if is_graph(layer):
        parts = _operations(layer)
    else:
        parts = layer._flatten_layers(include_self=False, recursive=False)
    for part in parts:
        path = f"{parent}{part.name}"
        if isinstance(part, FakeQuant) or type(part) in SILENT:
            continue
        inner = [] if _is_whole(part) else list(_rows(part, f"{path}/"))
        if any(row.bits for row in inner):
            yield from inner
        else:
            yield _row(part, path)


def _operations(model: Any) -> list[Any]:
    """Return the layers of a graph, and its operations that compute numbers with a fraction."""

    def computes(part: Any) -> bool:
        moves = type(part).__name__ in SILENT_OPERATIONS
        return not moves and is_float(part._inbound_nodes[0].outputs[0])

    parts = functional(model).operations
    return [part for part in parts if isinstance(part, keras.layers.Layer) or computes(part)]


def _is_whole(part: Any) -> bool:
    """Return whether a layer has one row, and not one for each layer within it."""
    if not isinstance(part, keras.layers.Layer):
        return True
    return isinstance(part, Twin) and not isinstance(part, Composite)


def _row(part: Any, path: str) -> Row:
    kind, bits = type(part).__name__, None
    if isinstance(part, Twin):
        kind = part.stock["class_name"]
        name = "activation_bits" if isinstance(part, Merge) else part.bits_from
        bits = getattr(part.settings, name)
    elif isinstance(part, Quantized):
        bits = part.get_config().get("weight_bits")
    return Row(path, kind, bits, "" if bits else _reason(part))


def _reason(part: Any) -> str:
    if not isinstance(part, keras.layers.Layer):
        return "an operation of keras.ops is no layer; use the layer that does the same"
    ours = type(part).__module__.startswith("tfapps.layers")
    reason = vars(part).get("stays_float") or REASONS.get(type(part))
    return reason or (OURS if ours else UNKNOWN)
