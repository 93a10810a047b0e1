"""How far the outputs of an artefact are from those of the Keras model."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from tfapps.errors import Failure
from tfapps.features.arrays import as_list, map_arrays


def compare(
    reference: Any,
    candidate: Any,
    decide: Callable[[Any], Any] = lambda logits: logits.argmax(axis=-1),
    mask: np.ndarray | None = None,
) -> dict[str, float]:
    """Return the largest logit difference, and the share of rows with equal decisions.

    Args:
        reference: logits of the Keras model, (b, ...), or a dictionary of all its outputs.
        candidate: the same of the artefact.
        decide: outputs -> decisions, one a row or several, or a list of answers; the task knows
            what it answers.
        mask: (b, t), 1 = a token that counts among logits (b, t, c).

    Raises:
        Failure: the shapes differ, or there is nothing to compare.

    Example:
        >>> compare(np.array([[1.0, 2.0]]), np.array([[1.0, 2.5]]))
        {'max_logit_difference': 0.5, 'agreement': 1.0}
    """
    expected, actual = (as_list(map_arrays(np.asarray, run)) for run in (reference, candidate))
    for first, second in zip(expected, actual, strict=True):
        if first.shape != second.shape:
            raise Failure(
                f"logits have shape {second.shape}, those of the Keras model {first.shape}"
            )
        if first.size == 0:
            raise Failure("no logits to compare: the dev set is empty")
    same = _same(decide(reference), decide(candidate), mask)
    differences = []
    for first, second in zip(expected, actual, strict=True):
        real = np.ones(first.shape[:-1], bool)
        if mask is not None and real.shape == np.shape(mask):
            real = np.asarray(mask, bool)
        differences.append(np.abs(first.astype(np.float64) - second)[real].max(initial=0.0))
        # A logit that is NaN agrees with nothing, whatever argmax returns.
        finite = _by_row(np.isfinite(second).all(axis=-1) | ~real)
        same = same & (finite if len(finite) == len(same) else finite.all())
    return {"max_logit_difference": float(np.max(differences)), "agreement": float(same.mean())}


def _same(one: Any, other: Any, mask: np.ndarray | None) -> np.ndarray:
    """Return which rows have equal decisions, (rows,) bool."""
    if isinstance(one, list):
        return np.array([first == second for first, second in zip(one, other, strict=True)])
    same = one == other
    if mask is not None and same.shape == np.shape(mask):
        same = same | ~np.asarray(mask, bool)
    return _by_row(same)


def _by_row(holds: np.ndarray) -> np.ndarray:
    return holds.reshape(len(holds), -1).all(axis=1)


def compare_answers(
    reference: Sequence[Sequence[Any]], candidate: Sequence[Sequence[Any]]
) -> dict[str, float]:
    """Compare the answers of a search with those of the Keras model.

    Args:
        reference: best answers of each row, with `token_ids` and `score`.
        candidate: those of the artefact.

    Returns:
        agreement: share of rows whose best answer is the same, token for token; and
        max_logit_difference: the largest difference of the scores of such answers.

    Raises:
        Failure: there is nothing to compare.
    """
    if not len(reference):
        raise Failure("no answers to compare: the dev set is empty")
    pairs = [(a[0], b[0]) for a, b in zip(reference, candidate, strict=True)]
    same = [np.array_equal(a.token_ids, b.token_ids) for a, b in pairs]
    score_differences = [
        abs(a.score - b.score) for (a, b), equal in zip(pairs, same, strict=True) if equal
    ]
    return {
        "max_logit_difference": float(max(score_differences, default=0.0)),
        "agreement": float(np.mean(same)),
    }


def worse(first: Mapping[str, float], second: Mapping[str, float]) -> dict[str, float]:
    """Return the larger difference and the smaller agreement of two proofs of an artefact."""
    return {
        "max_logit_difference": max(first["max_logit_difference"], second["max_logit_difference"]),
        "agreement": min(first["agreement"], second["agreement"]),
    }
