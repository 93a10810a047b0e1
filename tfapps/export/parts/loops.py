"""Edge form of recurrent layers for integer files: every step by itself, without a WHILE loop.

The converter's calibrator cannot look into a loop: it crashes. With static shapes the steps are
known, so the loop is written out, and each product becomes an integer FULLY_CONNECTED.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tfapps.errors import InputError


def unroll(model: Any, written_out: list[str]) -> None:
    """Write out the loops of a model's recurrent layers, in place.

    Args:
        model: built for this export alone, of static shape. Layers that `lstm.fuse` changes use
            these loops where the fused op does not fit, so call this before it.
        written_out: gets the name of each layer whose loop was written out, when it is traced.
    """
    import keras

    for layer in model._flatten_layers():
        if isinstance(layer, keras.layers.RNN):
            layer.call = _unrolled_call(layer, written_out)


def _unrolled_call(layer: Any, written_out: list[str]) -> Callable[..., Any]:
    import tensorflow as tf

    plain, nest = layer.call, tf.nest

    def call(
        sequences: Any, initial_state: Any = None, mask: Any = None, training: bool = False
    ) -> Any:
        batch, time = sequences.shape[:2]
        if layer.stateful or time is None or getattr(layer, "quantize_products", False):
            return plain(sequences, initial_state=initial_state, mask=mask, training=training)
        if mask is not None and layer.zero_output_for_mask:
            # As integers, outputs that a mask makes zero came out wrong, or XNNPACK refused them.
            raise InputError(
                f"int8: {layer.name} returns a sequence of a Bidirectional layer behind a mask, "
                "which has no integer form; export dynamic, or leave the mask out"
            )
        written_out.append(layer.name)
        states = layer.get_initial_state(batch) if initial_state is None else initial_state
        states, outputs = list(states), []
        output = tf.zeros((batch, *_width(layer)), sequences.dtype)
        if layer.go_backwards:
            sequences = tf.reverse(sequences, [1])
            mask = None if mask is None else tf.reverse(mask, [1])
        for t in range(time):
            new, updated = layer.cell(sequences[:, t], states, training=False)
            if mask is None:
                output, states = new, list(updated)
                outputs.append(new)
                continue
            # Sums in place of `where`, which XNNPACK refuses among integers.
            real = tf.cast(mask[:, t : t + 1], new.dtype)
            states = nest.map_structure(
                lambda after, before, real=real: before + real * (after - before),
                list(updated),
                states,
            )
            output = output + real * (new - output)
            outputs.append(output)
        result = tf.stack(outputs, axis=1) if layer.return_sequences else outputs[-1]
        return (result, *states) if layer.return_state else result

    return call


def _width(layer: Any) -> tuple[int, ...]:
    size = layer.cell.output_size
    return (size,) if isinstance(size, int) else tuple(size)
