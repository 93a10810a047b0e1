"""Check that an exported file equals the model: logits, decisions and the task's metric."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tfapps.errors import Failure
from tfapps.features.arrays import each, listed


@dataclass(frozen=True)
class Limit:
    """What an artefact may lose; None = reported, not judged.

    Attributes:
        logits: largest |logit difference|.
        agreement: smallest share of equal decisions.
        drop: largest loss of the headline metric, absolute.
    """

    logits: float | None
    agreement: float | None
    drop: float


EXACT = Limit(logits=1e-4, agreement=1.0, drop=0.0)
LIMITS = {
    "keras": EXACT,
    "saved_model": EXACT,
    "litert_float32": EXACT,
    "litert_sparse": EXACT,  # float32, without its zeros
    "litert_greedy": EXACT,
    "litert_float16": Limit(logits=1e-2, agreement=None, drop=0.005),
    "litert_dynamic": Limit(logits=None, agreement=None, drop=0.02),
    "litert_aeq_dynamic": Limit(logits=None, agreement=None, drop=0.02),
    "litert_int8": Limit(logits=None, agreement=None, drop=0.10),
    "litert_aeq_int8": Limit(logits=None, agreement=None, drop=0.10),
    "litert_int4": Limit(logits=None, agreement=None, drop=0.10),
    "litert_int4e": Limit(logits=None, agreement=None, drop=0.10),
}
ROUNDED = LIMITS["litert_dynamic"]  # for faithful files of a model that rounds its activations


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
    expected, actual = (listed(each(np.asarray, run)) for run in (reference, candidate))
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
        # A logit that is no number agrees with nothing, wherever argmax happens to land.
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


def limit_of(name: str) -> Limit:
    """Return the limit of an artefact: what may lose something has to be listed as such."""
    return LIMITS.get(name, EXACT)


def check(
    name: str,
    result: Mapping[str, float],
    headline: str = "metric",
    *,
    scale: float = 1.0,
    rounded: bool = False,
    limit: Limit | None = None,
) -> None:
    """Fail for an artefact outside its limit; float files are judged on their logits too.

    Args:
        name: the artefact, `litert_int8` say.
        result: what `compare` returned; with `metric`, the headline metric of the artefact on the
            dev set (higher is better), and `metric_drop`, how much lower that is than the Keras
            model's, these are judged too. So is `tag_agreement`, the share of rows whose tags,
            found in the file itself, are those of the file's own logits: of these a file may lose
            the share that its metric may.
        headline: name of the metric, for the message.
        scale: its value for perfect answers.
        rounded: the Keras model rounds its activations. A value between two steps falls either way
            with the last bit of a sum, and that goes on from layer to layer: nothing equals it in
            every logit.
        limit: what is allowed, in place of the artefact's own limit.

    Raises:
        Failure: with every figure outside its limit.
    """
    limit = limit or limit_of(name)
    if rounded and limit.logits is not None:
        limit = ROUNDED
    problems = _problems(limit, result, headline, scale)
    if problems:
        raise Failure(f"{name} does not match the trained model: {'; '.join(problems)}")


def _problems(limit: Limit, result: Mapping[str, float], headline: str, scale: float) -> list[str]:
    """Return a message for every figure outside its limit."""
    problems = []
    difference, agreement = result["max_logit_difference"], result["agreement"]
    # Written as `not (a <= b)` so that NaN, which compares with nothing, fails.
    if limit.logits is not None and not difference <= limit.logits:
        problems.append(f"largest logit difference {difference:.3g}, allowed {limit.logits:.3g}")
    if limit.agreement is not None and not agreement >= limit.agreement:
        problems.append(f"agreement {agreement:.2%}, expected {limit.agreement:.0%}")
    tags = result.get("tag_agreement", 1.0)
    if not tags >= 1.0 - limit.drop:
        problems.append(
            f"tags found in the file are those of its logits in {tags:.2%} of the rows, "
            f"expected {1.0 - limit.drop:.0%}"
        )
    if not np.isfinite(difference):
        problems.append(f"logits that are not finite ({difference})")
    drop = result.get("metric_drop", 0.0)
    # All decisions of an exact file are equal; a metric of numbers still moves with the logits.
    rounding = 1e-9 if limit.drop else limit.logits or 0.0
    if not drop <= limit.drop * scale + rounding:
        metric = result["metric"]
        problems.append(
            f"{headline} {metric:.4f} against {metric + drop:.4f} of the Keras model, "
            f"a drop of {drop:.4f}, allowed {limit.drop * scale:.2f}"
        )
    return problems
