"""What `tfapps.verify_litert` measures of outputs: differences, agreement, metrics."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from tfapps.errors import InputError

Measure = Callable[[np.ndarray, np.ndarray], float]
# Parts of the names of metrics that are better when they are lower.
ERRORS = ("error", "loss", "mae", "mse", "crossentropy", "perplexity", "divergence", "hinge")


def comparison(
    expected: Mapping[str, np.ndarray], targets: Any, metric: Any
) -> Callable[[str, np.ndarray], dict[str, float | None]]:
    """Return (output's name, a file's values) -> the fields of its `OutputReport`.

    Args:
        expected: the model's outputs by name.
        targets: as for `tfapps.verify_litert`.
        metric: as for `tfapps.verify_litert`; None with targets is "accuracy".
    """
    by_output = _targets(targets, expected)
    if not by_output and metric is not None:
        raise InputError("verify_litert: got a metric, but no targets to compute it on")
    measure = _measure("accuracy" if metric is None else metric)
    sign = -1 if any(part in title(metric).lower() for part in ERRORS) else 1
    of_model = {name: measure(by_output[name], expected[name]) for name in by_output}

    def compare(name: str, values: np.ndarray) -> dict[str, float | None]:
        model = expected[name]
        difference = float(np.abs(values - model).max())
        result: dict[str, float | None] = {
            "largest_difference": difference,
            "relative_difference": difference / max(float(np.abs(model).max()), 1e-12),
            "agreement": _agreement(values, model),
        }
        if name in by_output:
            result["metric"] = measure(by_output[name], values)
            result["drop"] = sign * (of_model[name] - result["metric"])
        return result

    return compare


def title(metric: Any) -> str:
    """Return what a metric is called."""
    if metric is None:
        return "accuracy"
    if isinstance(metric, str):
        return metric
    return str(getattr(metric, "name", None) or getattr(metric, "__name__", "metric"))


def _targets(targets: Any, expected: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return the targets of the outputs that have some."""
    if targets is None:
        return {}
    if isinstance(targets, list | tuple) and len(expected) > 1:
        targets = dict(zip(expected, targets, strict=False))
    elif not isinstance(targets, Mapping):
        if len(expected) > 1:
            raise InputError(
                "verify_litert: targets: got one array, expected a dictionary or list of "
                f"{', '.join(expected)}; None for an output without"
            )
        targets = {next(iter(expected)): targets}
    unknown = sorted(set(targets) - set(expected))
    if unknown:
        raise InputError(f"verify_litert: targets: got {unknown}, expected {sorted(expected)}")
    arrays = {name: np.asarray(x) for name, x in targets.items() if x is not None}
    for name, array in arrays.items():
        if len(array) != len(expected[name]):
            raise InputError(
                f"verify_litert: got {len(array)} targets of {name} for {len(expected[name])} rows"
            )
    return arrays


def _agreement(values: np.ndarray, model: np.ndarray) -> float | None:
    if model.ndim < 2 or model.shape[-1] < 2:
        return None
    return float((values.argmax(-1) == model.argmax(-1)).mean())


def _measure(metric: Any) -> Measure:
    if isinstance(metric, str):
        if metric not in NAMED:
            raise InputError(
                f"verify_litert: metric: got {metric!r}, expected {' or '.join(NAMED)}, a metric "
                "of keras.metrics, or a function of targets and outputs"
            )
        return NAMED[metric]
    if hasattr(metric, "update_state"):

        def measure(targets: np.ndarray, outputs: np.ndarray) -> float:
            metric.reset_state()
            metric.update_state(targets, outputs)
            return float(metric.result())

        return measure
    return lambda targets, outputs: float(metric(targets, outputs))


def _accuracy(targets: np.ndarray, outputs: np.ndarray) -> float:
    """Return the share of correct classes; targets are numbers of classes, or one-hot.

    One output a row is a probability, as of a sigmoid.
    """
    if outputs.ndim > 1 and outputs.shape[-1] > 1:
        one_hot = targets.ndim == outputs.ndim and targets.shape[-1] == outputs.shape[-1]
        classes = targets.argmax(-1) if one_hot else targets.reshape(outputs.shape[:-1])
        return float((outputs.argmax(-1) == classes).mean())
    return float(((outputs > 0.5).ravel() == (targets > 0.5).ravel()).mean())


def _mae(targets: np.ndarray, outputs: np.ndarray) -> float:
    return float(np.abs(targets.reshape(outputs.shape) - outputs).mean())


NAMED: dict[str, Measure] = {"accuracy": _accuracy, "mae": _mae}
