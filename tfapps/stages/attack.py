"""Measure the robustness of a run against adversaries and typing errors."""

from __future__ import annotations

import dataclasses
import functools
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tfapps import registry
from tfapps.bundle.bundle import Bundle
from tfapps.config.sections import RunConfig
from tfapps.data import noise
from tfapps.errors import InputError
from tfapps.presets import offline
from tfapps.runs.notes import note
from tfapps.runs.outputs import outputs_of
from tfapps.runs.prepared import Prepared, prepare, retokenized
from tfapps.runs.trained import rebuild
from tfapps.stages import attacks
from tfapps.stages._steps import Steps
from tfapps.stages.attacks import Attack

if TYPE_CHECKING:
    import keras

CHANGES = {"mistyped_letters": noise.mistyped, "missing_words": noise.thinned}
BY_GRADIENT = "gradient attacks: step, share of the size of the embeddings"
BY_TYPING = "typing errors: share of the letters or words"
KEY = "robustness"
PICTURE = f"{KEY}.png"


def attack(
    bundle: Bundle,
    config: RunConfig,
    epsilons: Sequence[float] = attacks.EPSILONS,
    rows: int = attacks.ROWS,
    names: Sequence[str] | None = None,
    seconds: float | None = None,
) -> dict[str, dict[str, float]]:
    """Evaluate the Keras model of a run on its dev set under attack; store it in the bundle.

    Args:
        epsilons: sizes of the perturbation, as shares of the size of a text's embeddings.
        rows: uses the first rows of the dev set.
        names: of the attacks; None for the quick ones.
        seconds: no further strength is tried after so long; None is no limit.

    Returns:
        {attack: {strength: headline metric}}; strength 0 is the unchanged dev set.

    Raises:
        InputError: the task does not give one answer per text, or an attack does not fit it.
    """
    task = registry.load("task", config.task.name).Task
    if registry.plugin("form", task.form).searches or task.running_text:
        raise InputError(
            f"attack: {config.task.name} does not give one answer per text; expected a run of "
            "classification, prompt, tagging or intent_slots"
        )
    with offline.bundle(bundle.path):
        prepared = _first(prepare(config, bundle), rows)
        model = rebuild(prepared, bundle, None, None)
    tagged = "tokens" in prepared.rows["dev"][0]
    strengths = [
        (attack, strength)
        for attack in attacks.chosen(names, tagged)
        for strength in (epsilons if attack.norm else attacks.RATES)
    ]
    clean = _metric(prepared, outputs_of(prepared, model, "dev"))
    figures: dict[str, dict[str, float]] = {}
    work = _Work(prepared, model, seconds)
    with Steps(work.steps(strengths)) as progress:
        for attack, strength in strengths:
            if figures and work.is_over():
                break
            metric = work.metric(attack, strength, progress.step)
            figures.setdefault(attack.name, {"0": clean})[f"{strength:g}"] = metric
            progress.end(f"{attack.name} {strength:g}: {prepared.task.headline} {metric:.4f}")
    _report_left(strengths, figures, seconds)
    _note(bundle, prepared.task.headline, figures, len(prepared.rows["dev"]))
    return figures


def table(headline: str, figures: dict[str, dict[str, float]]) -> str:
    """Return the figures as text, one line an attack."""
    lines = []
    for name, values in figures.items():
        cells = "  ".join(f"{strength}: {value:.4f}" for strength, value in values.items())
        lines.append(f"{name:<20} {headline} at  {cells}")
    return "\n".join(lines)


def _first(prepared: Prepared, rows: int) -> Prepared:
    """Return the data with only the first `rows` sentences or texts of the dev set."""
    if rows >= len(prepared.rows["dev"]):
        return prepared
    print(f"the first {rows} of {len(prepared.rows['dev'])} dev rows", flush=True)
    first_rows = {**prepared.rows, "dev": prepared.rows["dev"][:rows]}
    return retokenized(dataclasses.replace(prepared, rows=first_rows), prepared.tokenizer)


def _metric(prepared: Prepared, outputs: Any) -> float:
    task, examples = prepared.task, prepared.examples["dev"]
    return task.predict_metrics(outputs, prepared.targets("dev"), examples)[task.headline]


class _Work:
    """The attacks on one model.

    Args:
        seconds: the budget; None is no limit.
    """

    def __init__(self, prepared: Prepared, model: keras.Model, seconds: float | None) -> None:
        self.prepared, self.model = prepared, model
        self.end = None if seconds is None else time.monotonic() + seconds
        self.batches = prepared.evaluation_batches("dev").steps_per_epoch

    def is_over(self) -> bool:
        """Return whether the budget is used up."""
        return self.end is not None and time.monotonic() >= self.end

    def steps(self, strengths: Sequence[tuple[Attack, float]]) -> int:
        """Return the number of steps of all attacks, for the progress."""
        return sum(attack.steps * self.batches for attack, _ in strengths)

    @functools.cached_property
    def adversary(self) -> Any:
        """Return what moves embeddings; it is compiled once."""
        from tfapps.train.attacked import Adversary

        task = self.prepared.task
        return Adversary(self.model, task.loss, self.prepared.evaluation_batches("dev"))

    def metric(self, attack: Attack, strength: float, on_step: Callable[..., None]) -> float:
        """Return the headline metric under one attack of one strength."""
        if attack.norm is not None:
            outputs = self.adversary.outputs(attack.norm, strength, attack.steps, on_step)
            return _metric(self.prepared, outputs)
        random = np.random.default_rng(self.prepared.config.seed)
        dev = self.prepared.rows["dev"]
        rows = [_changed(row, CHANGES[attack.name], strength, random) for row in dev]
        changed = dataclasses.replace(self.prepared, rows={**self.prepared.rows, "dev": rows})
        changed = retokenized(changed, self.prepared.tokenizer)
        metric = _metric(changed, outputs_of(changed, self.model, "dev"))
        on_step(self.batches)
        return metric


def _report_left(
    strengths: Sequence[tuple[Attack, float]],
    figures: dict[str, dict[str, float]],
    seconds: float | None,
) -> None:
    """Print what the budget left out."""
    left = [
        f"{attack.name} {strength:g}"
        for attack, strength in strengths
        if f"{strength:g}" not in figures.get(attack.name, {})
    ]
    if left:
        print(f"left out after {seconds:g} s: {', '.join(left)}; give more --seconds or fewer rows")


def _changed(
    row: dict[str, Any], change: Callable[..., str], rate: float, random: np.random.Generator
) -> dict[str, Any]:
    new = dict(row)
    for key in ("text", "text_pair"):
        if key in row:
            new[key] = change(row[key], rate, random)
    if "tokens" in row:
        new["tokens"] = [change(token, rate, random) for token in row["tokens"]]
    return new


def panels(figures: dict[str, dict[str, float]]) -> dict[str, dict[str, dict[str, float]]]:
    """Return the figures by what their strength is, for a panel each: gradients, and typing."""
    typed = {name: values for name, values in figures.items() if name in CHANGES}
    attacked = {name: values for name, values in figures.items() if name not in CHANGES}
    sides = {BY_GRADIENT: attacked, BY_TYPING: typed}
    return {across: curves for across, curves in sides.items() if curves}


def _note(bundle: Bundle, headline: str, figures: dict[str, dict[str, float]], rows: int) -> None:
    from tfapps.metrics.curves import panels_png

    flat = {f"{name}_{s}": value for name, values in figures.items() for s, value in values.items()}
    picture = panels_png(panels(figures), headline, f"robustness on {rows} rows of the dev set")
    note(bundle, KEY, figures, picture, flat)
