"""Compare a run with the answer that reads no text: at or below it, the run has learned nothing."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from tfapps.config.sections import RunConfig
from tfapps.printable import plain
from tfapps.runs.prepared import Prepared

KEY = "trivial"  # in metrics.json
ROUNDING = 1e-9
LONG = 80  # characters of an answer


def measured(prepared: Prepared) -> dict[str, Any]:
    """Return the trivial answer and its headline metric on the dev set; empty if there is none."""
    task, examples = prepared.task, prepared.examples["dev"]
    trivial = task.trivial(prepared.encoded["train"].columns, examples)
    if trivial is None:
        return {}
    answer, outputs = trivial
    metric = task.predict_metrics(outputs, prepared.targets("dev"), examples)[task.headline]
    return {"answer": answer, "dev": float(metric)}


def reached(metric: float | None, trivial: Mapping[str, Any]) -> bool:
    """Return whether a headline metric on the dev set is no better than the trivial answer.

    Args:
        metric: None if it was not a number.
        trivial: what `measured` returned.
    """
    if metric is None or not trivial or not math.isfinite(metric):
        return False
    return metric <= trivial["dev"] + ROUNDING


def warn(config: RunConfig, metrics: Mapping[str, Any]) -> None:
    """Print a warning with advice if a finished run is no better than the trivial answer.

    Args:
        metrics: content of metrics.json.
    """
    headline, trivial = metrics["headline"], metrics.get(KEY, {})
    metric = metrics["dev"]["keras"][headline]
    if reached(metric, trivial):
        print(f"warning: {config.name} {_nothing(headline, metric, trivial)}. {advice(config)}")


def warn_of_trials(
    config: RunConfig, best: Sequence[Mapping[str, Any]], trivial: Mapping[str, Any]
) -> None:
    """Print a warning with advice if the trials of a search tie, or none has learned anything.

    Args:
        best: the trials that did not fail, the best first.
        trivial: what `measured` returned.
    """
    headline, metric = best[0]["headline"], best[0]["metric"]
    if reached(metric, trivial):
        print(
            f"warning: the best trial {_nothing(headline, metric, trivial)}. Widen the ranges of "
            f"search.space. {advice(config)}"
        )
    elif len(best) > 1 and metric == best[-1]["metric"]:
        print(
            f"warning: all {len(best)} trials have {headline} {metric:.4f}, so none is better than "
            "another. Widen the ranges of search.space, or judge on more rows (data.dev)"
        )


def _nothing(headline: str, metric: float, trivial: Mapping[str, Any]) -> str:
    answer = plain(trivial["answer"])
    answer = answer if len(answer) <= LONG else f"{answer[: LONG - 3]}..."
    return (
        f"has learned nothing that its dev set shows: {headline} {metric:.4f}, and "
        f"{trivial['dev']:.4f} without reading a text ({answer})"
    )


def advice(config: RunConfig) -> str:
    """Return what to change in a config that learns nothing."""
    train = config.train
    return (
        f"Try another train.learning_rate ({train.learning_rate:g} now; several times as much, "
        f"or as little), more train.epochs ({train.epochs} now) or more rows, and check that the "
        "labels belong to their texts: `tfapps inspect` shows some rows"
    )
