"""Measure the robustness of a run against adversaries and typing errors."""

from __future__ import annotations

import dataclasses
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

if TYPE_CHECKING:
    import keras

EPSILONS = (0.01, 0.03, 0.1)
RATES = (0.05, 0.1, 0.2)
KEY = "robustness"
PICTURE = f"{KEY}.png"


def attack(
    bundle: Bundle, config: RunConfig, epsilons: Sequence[float] = EPSILONS, rows: int | None = None
) -> dict[str, dict[str, float]]:
    """Evaluate the Keras model of a run on its dev set under attack; store it in the bundle.

    Args:
        epsilons: sizes of the perturbation, as shares of the size of a text's embeddings.
        rows: uses the first rows of the dev set; None is all.

    Returns:
        {attack: {strength: headline metric}}; strength 0 is the unchanged dev set.

    Raises:
        InputError: the task does not give one answer per text.
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
    clean = _metric(prepared, outputs_of(prepared, model, "dev"))
    results = _by_embeddings(prepared, model, epsilons)
    results |= _by_typing(prepared, model)
    figures = {name: {"0": clean, **values} for name, values in results.items()}
    _note(bundle, prepared.task.headline, figures)
    return figures


def table(headline: str, figures: dict[str, dict[str, float]]) -> str:
    """Return the figures as text, one line an attack."""
    lines = []
    for name, values in figures.items():
        cells = "  ".join(f"{strength}: {value:.4f}" for strength, value in values.items())
        lines.append(f"{name:<20} {headline} at  {cells}")
    return "\n".join(lines)


def _first(prepared: Prepared, rows: int | None) -> Prepared:
    """Return the data with only the first `rows` sentences or texts of the dev set."""
    if rows is None:
        return prepared
    first_rows = {**prepared.rows, "dev": prepared.rows["dev"][:rows]}
    return retokenized(dataclasses.replace(prepared, rows=first_rows), prepared.tokenizer)


def _metric(prepared: Prepared, outputs: Any) -> float:
    task, examples = prepared.task, prepared.examples["dev"]
    return task.predict_metrics(outputs, prepared.targets("dev"), examples)[task.headline]


def _by_embeddings(
    prepared: Prepared, model: keras.Model, epsilons: Sequence[float]
) -> dict[str, dict[str, float]]:
    from tfapps.train.attacked import STEPS, Adversary

    batches = prepared.evaluation_batches("dev")
    adversary = Adversary(model, prepared.task.loss, batches)
    results: dict[str, dict[str, float]] = {}
    for name, norm, steps in (
        ("fgm_l2", "l2", 1),
        ("fgsm_max", "max", 1),
        ("pgd_l2", "l2", STEPS),
        ("pgd_max", "max", STEPS),
    ):
        results[name] = {}
        for epsilon in epsilons:
            print(f"{name} {epsilon:g}", flush=True)
            outputs = adversary.outputs(norm, epsilon, steps)
            results[name][f"{epsilon:g}"] = _metric(prepared, outputs)
    return results


def _by_typing(prepared: Prepared, model: keras.Model) -> dict[str, dict[str, float]]:
    kinds: dict[str, Callable[..., str]] = {"mistyped_letters": noise.mistyped}
    if "tokens" not in prepared.rows["dev"][0]:  # whose tags would be missing as well
        kinds["missing_words"] = noise.thinned
    results: dict[str, dict[str, float]] = {}
    for name, change in kinds.items():
        results[name] = {}
        for rate in RATES:
            random = np.random.default_rng(prepared.config.seed)
            rows = [_changed(row, change, rate, random) for row in prepared.rows["dev"]]
            changed = dataclasses.replace(prepared, rows={**prepared.rows, "dev": rows})
            changed = retokenized(changed, prepared.tokenizer)
            results[name][f"{rate:g}"] = _metric(changed, outputs_of(changed, model, "dev"))
    return results


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


def _note(bundle: Bundle, headline: str, figures: dict[str, dict[str, float]]) -> None:
    from tfapps.metrics.pictures import curves_png

    flat = {f"{name}_{s}": value for name, values in figures.items() for s, value in values.items()}
    note(bundle, KEY, figures, curves_png(figures, headline), flat)
