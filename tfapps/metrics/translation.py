"""Translation metrics of sacreBLEU, with the scores and signatures of its command line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def scores(hypotheses: Sequence[str], references: Sequence[str]) -> dict[str, float]:
    """Return corpus BLEU, chrF and TER, each out of 100 (for TER lower is better).

    Source: Post 2018, "A Call for Clarity in Reporting BLEU Scores"; cased, tokenizer 13a.
    """
    return {
        name: float(metric.corpus_score(list(hypotheses), [list(references)]).score)
        for name, metric in _metrics().items()
    }


def signatures() -> dict[str, str]:
    """Return how the scores are computed, to report with them: `nrefs:1|case:mixed|...`."""
    by_metric = {}
    for name, metric in _metrics().items():
        metric.corpus_score([""], [[""]])  # sets the number of references
        by_metric[name] = str(metric.get_signature())
    return by_metric


def _metrics() -> dict[str, Any]:
    from sacrebleu import metrics

    return {"bleu": metrics.BLEU(), "chrf": metrics.CHRF(), "ter": metrics.TER()}
