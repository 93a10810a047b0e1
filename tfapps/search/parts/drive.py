"""Run the trials of a search: Optuna draws their values, the search says how long they train."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from tfapps.errors import Failure
from tfapps.search.base import Rung, Search
from tfapps.search.parts.dimensions import Dimensions

Judge = Callable[[Mapping[str, Any]], float]
REDRAWS = 100  # of values that were tried before; then the space seems to have no others


def planned(kind: type[Search], config: Any, epochs: int) -> list[list[Rung]]:
    """Return the brackets of a search up to `config.trials`; `epochs` of a whole training."""
    left = config.trials or math.inf
    brackets = []
    for rungs in kind.brackets(config, epochs):
        bracket = []
        for rung in rungs:
            bracket.append(rung._replace(trials=int(min(rung.trials, left))))
            left -= bracket[-1].trials
        brackets.append(bracket)
    return brackets


def drive(sampler: Any, brackets: list[list[Rung]], dimensions: Dimensions, judge: Judge) -> None:
    """Judge all trials of a search, in an order that the sampler and their metrics alone decide.

    A search that was killed is resumed by judging its trials once more: `judge` knows the answers.
    Optuna's storages keep no state of the sampler, so from one of those it would draw others.

    Args:
        sampler: of Optuna.
        judge: values by dotted key -> the metric, the higher, the better.

    Raises: what `judge` raises, but for Failure, which is a trial that failed.
    """
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(sampler=sampler, direction="maximize")
    new_trials = _new_trials(study, dimensions)
    for first, *longer in brackets:
        scored = []
        for trial, values in itertools.islice(new_trials, first.trials):
            metric = _metric(judge, values, first.epochs)
            if metric is None:
                study.tell(trial, state=optuna.trial.TrialState.FAIL)
            else:
                study.tell(trial, metric)
            scored.append((metric, values))
        for rung in longer:
            ended = [one for one in scored if one[0] is not None]
            best = sorted(ended, key=lambda one: one[0], reverse=True)[: rung.trials]
            scored = [(_metric(judge, values, rung.epochs), values) for _, values in best]


def _new_trials(study: Any, dimensions: Dimensions) -> Iterator[tuple[Any, dict[str, Any]]]:
    """Yield trials whose values no other had, and their values."""
    from optuna.trial import TrialState

    drawn: list[dict[str, Any]] = []
    while True:
        for _ in range(REDRAWS):
            trial = study.ask(dimensions.distributions())
            values = dimensions.values(trial.params)
            if values not in drawn:
                break
            study.tell(trial, state=TrialState.FAIL)
        else:
            return
        drawn.append(values)
        yield trial, values


def _metric(judge: Judge, values: dict[str, Any], epochs: int | None) -> float | None:
    """Judge values; None of a trial that failed."""
    try:
        return judge(values if epochs is None else {**values, "train.epochs": epochs})
    except Failure:
        return None
