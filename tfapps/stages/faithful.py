"""Measure how faithful explanations are to the model, by deleting and inserting words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tfapps import registry
from tfapps.bundle.bundle import Bundle
from tfapps.config.sections import RunConfig, Section
from tfapps.errors import InputError
from tfapps.explain.parts import text as reading
from tfapps.presets import offline
from tfapps.runs.notes import note
from tfapps.runs.prepared import prepare
from tfapps.stages.explain import DIGITS, Explained, opened, refusal

ROWS = 100
SHARES = tuple(place / 10 for place in range(11))
PICTURE = "faithfulness.png"
KEY = "faithfulness"
CONTROL = "random"
KINDS = ("deletion", "insertion")


def faithful(
    bundle: Bundle, config: RunConfig, rows: int = ROWS, only: Section | None = None
) -> dict[str, Any]:
    """Evaluate every method that fits the model on dev rows; store the figures in the bundle.

    Args:
        rows: number of rows, evenly spaced: the first ones may all have one label.
        only: Config of the only explainer to evaluate; None is all, with their defaults.

    Returns:
        {"rows": n, "methods": {method or `random`: {"deletion", "insertion": area under the curve,
        "deletion_curve", "insertion_curve": {share of words: mean probability}}}}

    Raises:
        InputError: the run does not label whole texts, or the method does not fit its model.
    """
    run = opened(bundle, config)
    methods = [only] if only else [registry.load("explainer", n).Config() for n in _fitting(run)]
    refused = refusal(only.name, run) if only else None
    if refused:
        raise InputError(refused)
    with offline.bundle(bundle.path):
        examples = prepare(config, bundle).rows["dev"]
    rows = min(rows, len(examples))
    texts = [run.read(examples[row * len(examples) // rows])[0] for row in range(rows)]
    texts = [text for text in texts if text.words]
    if not texts:
        raise InputError("explain: no text in the dev set has a word")
    targets = [int(run.probabilities(text.features)[0].argmax()) for text in texts]
    figures = {}
    for method in methods:
        print(f"{method.name}: {len(texts)} texts", flush=True)
        pairs = zip(texts, targets, strict=True)
        scores = [run.scores(method, text, target).words for text, target in pairs]
        figures[method.name] = judged(run, texts, targets, scores)
    random = np.random.default_rng(config.seed)
    scores = [random.random(len(text.words)) for text in texts]
    figures[CONTROL] = judged(run, texts, targets, scores)
    results = {"rows": len(texts), "methods": figures}
    _note(bundle, results)
    return results


def _fitting(run: Explained) -> list[str]:
    return [name for name in registry.names("explainer") if refusal(name, run) is None]


def judged(
    run: Explained,
    texts: Sequence[reading.Text],
    targets: Sequence[int],
    scores: Sequence[np.ndarray],
) -> dict[str, Any]:
    """Return areas and curves of one order of the words.

    Petsiuk et al. 2018, "RISE", with words left out; DeYoung et al. 2020, "ERASER", call the losses
    on the two curves comprehensiveness and sufficiency.

    Args:
        targets: number of the predicted class of each text.
        scores: of the words of each text, (words,).
    """
    curves = np.zeros((len(KINDS), len(SHARES)))
    for text, target, word_scores in zip(texts, targets, scores, strict=True):
        removed = removals(word_scores)
        probability = run.probabilities(reading.removed(text, np.concatenate([removed, ~removed])))
        curves += probability[:, target].reshape(curves.shape) / len(texts)
    judgement: dict[str, Any] = {}
    for kind, curve in zip(KINDS, curves.round(DIGITS).tolist(), strict=True):
        judgement[kind] = round(float(np.trapezoid(curve, SHARES)), DIGITS)
        judgement[f"{kind}_curve"] = {f"{x:g}": y for x, y in zip(SHARES, curve, strict=True)}
    return judgement


def removals(scores: np.ndarray) -> np.ndarray:
    """Return which words are removed at each of SHARES, highest scores first: (shares, w)."""
    rank = np.empty(len(scores), int)
    rank[np.argsort(-scores, kind="stable")] = np.arange(len(scores))
    return rank < np.rint(np.array(SHARES) * len(scores))[:, None]


def table(figures: Mapping[str, Any]) -> str:
    """Return the areas as text, one line a method."""
    lines = [f"{'':<22} deletion (low is good)  insertion (high is good)"]
    for name, values in figures["methods"].items():
        lines.append(f"{name:<22} {values['deletion']:<23.4f} {values['insertion']:.4f}")
    return "\n".join(lines)


def _note(bundle: Bundle, figures: Mapping[str, Any]) -> None:
    from tfapps.metrics.curves import panels_png

    methods = figures["methods"]
    panels = {
        f"share of words {action}": {
            name: values[f"{kind}_curve"] for name, values in methods.items()
        }
        for kind, action in zip(KINDS, ("deleted", "inserted"), strict=True)
    }
    picture = panels_png(panels, "probability of the answer")
    flat = {f"{name}_{kind}": v[kind] for name, v in methods.items() for kind in KINDS}
    note(bundle, KEY, figures, picture, flat)
