"""Edge form of `keras.layers.LSTM`: the fused UNIDIRECTIONAL_SEQUENCE_LSTM op of TFLite.

A Keras LSTM is exported as a WHILE loop, which is slow and which the calibrator cannot
quantize. The converter fuses a function that carries the marks Keras 2 put on its own LSTM.

The fused op keeps its state from one call to the next. A first step that no token uses closes
the input and forget gates, so that every call starts from zero with any interpreter, also with
one that never resets its variables.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

CLOSED = 1.0e4  # value of the closing input where it may be large (float activations)
# The integer op writes with its own scale, while a concatenation behind it would give its output
# tensor another one; a product that is not quite one (and so not folded away) keeps them apart.
OWN_SCALE = float(np.nextafter(np.float32(1), np.float32(2)))
CELL_CLIP = 6  # slot of the field in the table UnidirectionalSequenceLSTMOptions of the schema
MARGIN = 16.0  # sigmoid(-16) is zero on the 16-bit grid of the integer op


def layers(model: Any) -> Iterator[Any]:
    """Yield the LSTM layers that the fused op can stand for, nested ones included."""
    import keras

    for layer in model._flatten_layers():
        if isinstance(layer, keras.layers.LSTM) and _fits(layer):
            yield layer


def _fits(layer: Any) -> bool:
    import keras

    cell = layer.cell
    standard = (
        cell.activation is keras.activations.tanh
        and cell.recurrent_activation is keras.activations.sigmoid
    )
    # The fused op starts from zero, and gives no state back.
    return standard and not layer.stateful and not layer.return_state


def fuse(model: Any, features: Mapping[str, np.ndarray] | None = None) -> int:
    """Make the LSTMs of `model` (static batch 1) run as fused ops; returns how many.

    Args:
        model: built for this export alone, because its layers are changed in place.
        features: calibration rows (n, t) for the integer file. Its activations share one scale,
            so the closing input may not be much larger than the real ones.
    """
    lstms = list(layers(model))
    peaks: list[float | None] = [None] * len(lstms)
    if lstms and features is not None:
        peaks = [*_peaks(model, lstms, features)]
    for layer, peak in zip(lstms, peaks, strict=True):
        layer.call = _fused_call(layer, peak)
    return len(lstms)


def _peaks(model: Any, lstms: list[Any], features: Mapping[str, np.ndarray]) -> list[float]:
    """Return the largest |input| of each LSTM over the calibration rows."""
    import tensorflow as tf

    originals = [layer.call for layer in lstms]
    maxima: list[list[Any]] = [[] for _ in lstms]

    def watch(i: int) -> Callable[..., Any]:
        def call(sequences: Any, *args: Any, **kwargs: Any) -> Any:
            maxima[i].append(tf.reduce_max(tf.abs(sequences)))
            return originals[i](sequences, *args, **kwargs)

        return call

    # Row by row, because the batch is static; op by op that takes minutes.
    @tf.function(autograph=False)
    def largest(row: Mapping[str, Any]) -> list[Any]:
        model(row, training=False)
        return [tf.reduce_max(ends) for ends in maxima]

    for i, layer in enumerate(lstms):
        layer.call = watch(i)
    rows = range(len(next(iter(features.values()))))
    ends = [
        largest({name: tf.constant(x[i : i + 1]) for name, x in features.items()}) for i in rows
    ]
    for layer, original in zip(lstms, originals, strict=True):
        layer.call = original
    return np.maximum(np.max(ends, axis=0), 1e-3).tolist()


def closing(kernel: np.ndarray, peak: float | None) -> tuple[float, int]:
    """Return value and number of the extra inputs that close the gates of the first step.

    With float activations one large input is enough. With integers, several inputs of twice the
    peak: one bit of range instead of many.
    """
    if peak is None:
        return CLOSED, 1
    return 2 * peak, min(max(math.ceil(MARGIN / (2 * peak * _largest(kernel).min())), 1), 64)


def extend(kernel: np.ndarray, peak: float | None) -> tuple[np.ndarray, float, int]:
    """Extend a kernel (d, 4u) to (d + n, 4u): the new rows close the input and forget gates.

    None of their values is larger than the largest of its gate: the scales stay as they were.
    """
    value, count = closing(kernel, peak)
    units = kernel.shape[1] // 4
    rows = np.zeros((count, 4 * units), np.float32)
    rows[:, : 2 * units] = -np.repeat(_largest(kernel), units)
    return np.concatenate([kernel, rows]).astype(np.float32), value, count


def _largest(kernel: np.ndarray) -> np.ndarray:
    """Return the largest |weight| of the input and the forget gate, (2,), never zero."""
    gates = np.abs(kernel.reshape(len(kernel), 4, -1)[:, :2])
    return np.maximum(gates.max(axis=(0, 2)), 1e-3)


def unclip(content: bytes) -> bytes:
    """Return the same .tflite file with LSTM cells that may grow past 10.

    The converter marks every LSTM it fuses to clip its cell state at 10, as Keras 2 never did;
    long texts count further than that.
    """
    from ai_edge_litert import schema_py_generated as schema

    patched = bytearray(content)
    model = schema.Model.GetRootAs(patched, 0)
    lstm = schema.BuiltinOperator.UNIDIRECTIONAL_SEQUENCE_LSTM
    for i in range(model.SubgraphsLength()):
        graph = model.Subgraphs(i)
        for operator in map(graph.Operators, range(graph.OperatorsLength())):
            if model.OperatorCodes(operator.OpcodeIndex()).BuiltinCode() != lstm:
                continue
            options = operator.BuiltinOptions()
            place = options.Offset(CELL_CLIP)
            if place:
                struct.pack_into("<f", patched, options.Pos + place, 0.0)
    return bytes(patched)


def _function(time: int, width: int, units: int) -> Any:
    """Return the five outputs of Keras 2's LSTM for (1, t, d) and weights, marked for fusing."""
    import uuid

    import tensorflow as tf

    def lstm(
        inputs: Any, init_h: Any, init_c: Any, kernel: Any, recurrent_kernel: Any, bias: Any
    ) -> tuple[Any, ...]:
        h, c, outputs = init_h, init_c, []
        for x in tf.unstack(inputs, axis=1):
            i, f, g, o = tf.split(x @ kernel + h @ recurrent_kernel + bias, 4, axis=1)
            c = tf.sigmoid(f) * c + tf.sigmoid(i) * tf.tanh(g)
            h = tf.sigmoid(o) * tf.tanh(c)
            outputs.append(h)
        return h, tf.stack(outputs, axis=1), h, c, tf.constant(1.0)

    shapes = ((1, time, width), (1, units), (1, units), (width, 4 * units))
    shapes += ((units, 4 * units), (4 * units,))
    # Without static shapes in the signature the fusing pass crashes.
    return tf.function(
        lstm,
        autograph=False,
        input_signature=[tf.TensorSpec(shape, tf.float32) for shape in shapes],
        experimental_attributes={
            "api_implements": f"lstm_{uuid.uuid4()}",
            "api_preferred_device": "CPU",
            "time_major": False,
            "go_backwards": False,
        },
    )


def _fused_call(layer: Any, peak: float | None) -> Callable[..., Any]:
    import tensorflow as tf

    plain, units = layer.call, layer.units
    kernel, value, count = extend(np.asarray(layer.cell.kernel), peak)
    recurrent = np.asarray(layer.cell.recurrent_kernel, np.float32)
    bias = np.zeros(4 * units, np.float32)
    if layer.cell.use_bias:
        bias = np.asarray(layer.cell.bias, np.float32)

    def call(
        sequences: Any, initial_state: Any = None, mask: Any = None, training: bool = False
    ) -> Any:
        batch, time, width = sequences.shape
        if initial_state is not None or mask is not None or batch != 1 or time is None:
            return plain(sequences, initial_state=initial_state, mask=mask, training=training)
        if layer.go_backwards:
            sequences = tf.reverse(sequences, [1])
        # The integer op never quite closes a gate; the second step rubs out what is left.
        steps = 1 if peak is None else 2
        first = np.zeros((1, steps, width + count), np.float32)
        first[..., width:] = value
        padded = tf.pad(sequences, [[0, 0], [0, 0], [0, count]])
        zeros = tf.zeros((1, units))
        last, outputs, *_ = _function(time + steps, width + count, units)(
            tf.concat([first, padded], axis=1), zeros, zeros, kernel, recurrent, bias
        )
        output = outputs[:, steps:] if layer.return_sequences else last
        return output if peak is None else output * OWN_SCALE

    # The fused op has no cell state to give; a model that wants it keeps its loop.
    return plain if layer.return_state else call
