"""Limits of what an exported file may lose: logits, decisions and the task's metric."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from tfapps.errors import Failure


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
SAME_PROBABILITY = 1e-4  # of a file and its own logits
ROUNDED = LIMITS["litert_dynamic"]  # for faithful files of a model that rounds its activations


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
        result: what a form's `compare` returned; with `metric`, the artefact's headline metric on
            the dev set (higher is better), and `metric_drop`, how much lower that is than the Keras
            model's, these are judged too. So is `tag_agreement`, the share of rows whose tags,
            found in the file itself, are those of the file's own logits: of these a file may lose
            the share that its metric may. `probability_difference` is that of probabilities and
            those of the file's own logits.
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
    probability = result.get("probability_difference", 0.0)
    if not probability <= SAME_PROBABILITY:
        problems.append(
            f"probabilities up to {probability:.3g} away from those of the logits, allowed "
            f"{SAME_PROBABILITY:.3g}"
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
