"""Translation metrics of sacreBLEU, with the scores and signatures of its command line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tfapps.metrics import intervals
from tfapps.printable import plain


def scores(hypotheses: Sequence[str], references: Sequence[str]) -> dict[str, float]:
    """Return corpus BLEU, chrF and TER, each out of 100 (for TER lower is better).

    Source: Post 2018, "A Call for Clarity in Reporting BLEU Scores"; cased, tokenizer 13a.
    """
    return {
        name: float(metric.corpus_score(list(hypotheses), [list(references)]).score)
        for name, metric in _metrics().items()
    }


def bleu_interval(
    hypotheses: Sequence[str], references: Sequence[str]
) -> intervals.Interval | None:
    """Return the 95 % interval of corpus BLEU, over sentences drawn whole.

    Source: Koehn 2004, "Statistical Significance Tests for Machine Translation Evaluation".
    """
    bleu = _metrics()["bleu"]
    counts = bleu._extract_corpus_statistics(list(hypotheses), [list(references)])
    by_sentence = np.array(counts, np.float64)  # matches and lengths, from which BLEU is computed

    def metric(rows: np.ndarray) -> float:
        return float(bleu._compute_score_from_stats(by_sentence[rows].sum(axis=0).tolist()).score)

    return intervals.bootstrap(metric, len(by_sentence))


def signatures() -> dict[str, str]:
    """Return how the scores are computed, to report with them: `nrefs:1|case:mixed|...`."""
    by_metric = {}
    for name, metric in _metrics().items():
        metric.corpus_score([""], [[""]])  # sets the number of references
        by_metric[name] = str(metric.get_signature())
    return by_metric


def report_lines(
    data: Mapping[str, Mapping[str, Any]], pairs: Sequence[tuple[str, str]], answers: Sequence[str]
) -> list[str]:
    """Return scores with their signatures, and every sentence with reference and translation.

    Args:
        data: `scores` and `signatures`.
        pairs: sentences and references.
    """
    lines = [f"{n} {data['scores'][n]:.2f} {text}" for n, text in data["signatures"].items()]
    for (source, reference), answer in zip(pairs, answers, strict=True):
        texts = [("<", source), ("=", reference), (">", answer)]
        lines += ["", *(f"{mark} {plain(text)}" for mark, text in texts)]
    return lines


def _metrics() -> dict[str, Any]:
    from sacrebleu import metrics

    return {"bleu": metrics.BLEU(), "chrf": metrics.CHRF(), "ter": metrics.TER()}
