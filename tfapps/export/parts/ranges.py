"""Integers for a model with LSTMs that was trained without ranges.

The converter's calibrator cannot look into a loop, and makes one operation of an LSTM without one:
`UNIDIRECTIONAL_SEQUENCE_LSTM`, whose integer kernel is slow on a CPU. With ranges in the graph the
products of an LSTM are integers as after training with quantizers, and its gates stay float.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

INTEGER = {"weight_bits": 8, "activation_bits": 8, "quantize_products": True, "equalize": True}


def of_lstms(
    model: Any,
    rebuild: Callable[[int | None, int | None], Any],
    rows: Mapping[str, np.ndarray],
) -> Any:
    """Return `model` with ranges in all of its layers, or itself if it has no LSTM of ours.

    A model that was trained with ranges is returned as it is: what is float there is meant to be.

    Args:
        model: functional.
        rebuild: (None, None) -> the same model, for batches of any size if it can be.
        rows: of the calibration, {input: (n, t)}.
    """
    from tfapps.export.parts import integers
    from tfapps.graph import clone
    from tfapps.layers import calibration

    if integers.rounds_activations(model) or not any(map(_is_lstm, clone.leaves(model))):
        return model
    watched, result = clone.clone(rebuild(None, None), _change), clone.clone(model, _change)
    count = len(next(iter(rows.values())))
    size = watched.inputs[0].shape[0] or count
    calibration.calibrate(
        watched,
        (
            {name: x[start : start + size] for name, x in rows.items()}
            for start in range(0, count, size)
        ),
    )
    clone.carry(watched, result)
    return result


def _is_lstm(layer: Any) -> bool:
    # A translator's LSTMs have the form for steps already; their ranges come from training alone.
    return layer.get_config().get("quantize_products") is False


def _change(layer: Any) -> Mapping[str, Any]:
    arguments = layer.get_config()
    if "weight_bits" not in arguments:
        return {}
    return {key: value for key, value in INTEGER.items() if key in arguments}
