"""Which words of a text led to the answer of a run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from tfapps import registry
from tfapps.assembly.assemble import features, of_bundle
from tfapps.bundle.bundle import Bundle
from tfapps.config.sections import RunConfig, Section
from tfapps.errors import InputError
from tfapps.explain.parts import text as reading
from tfapps.graph.precision import precision
from tfapps.metrics.probability import sigmoid, softmax
from tfapps.presets import offline
from tfapps.text.labels import normal

if TYPE_CHECKING:
    from tfapps.explain.parts.reader import Reader
    from tfapps.explain.parts.scores import Scores
    from tfapps.features.feature import Feature

DIGITS = 6


class Explained(NamedTuple):
    """A run whose answers can be explained."""

    reader: Reader
    task: Any
    tokenizer: Any
    features: Sequence[Feature]
    max_length: int

    def read(self, example: Mapping[str, Any]) -> tuple[reading.Text, bool]:
        """Encode an example; return whether it was truncated as well."""
        return reading.read(example, self.task, self.tokenizer, self.features, self.max_length)

    def probabilities(self, rows: Mapping[str, np.ndarray]) -> np.ndarray:
        """Return the probability of each label, {name: (n, t)} -> (n, c)."""
        spread = softmax if self.task.activation == "softmax" else sigmoid
        return spread(self.reader.logits(rows))

    def scores(self, config: Section, text: reading.Text, target: int) -> Scores:
        """Explain an answer as the plug-in of `config` does."""
        return registry.plugin("explainer", config.name).explain(config, self.reader, text, target)


def opened(bundle: Bundle, config: RunConfig) -> Explained:
    """Build the Keras model of a run, in float32, for explanations.

    Raises:
        InputError: the task is no classification.
    """
    from tfapps.explain.parts.reader import Reader
    from tfapps.text.tokenizer import Tokenizer

    task = registry.load("task", config.task.name).Task.load(config.task, bundle.text)
    if not task.classifies:
        raise InputError(
            f"explain: {config.task.name} does not label whole texts; expected a run of "
            "classification or prompt"
        )
    tokenizer = Tokenizer.load(bundle.text)
    with offline.bundle(bundle.path), precision("float32"):
        model = of_bundle(bundle, config, task, tokenizer)
    stated = features(config, task)
    return Explained(Reader(model), task, tokenizer, stated, config.model.max_length)


def explain(
    run: Explained,
    examples: Sequence[Mapping[str, str]],
    options: Section,
    label: str | None = None,
) -> Iterator[dict[str, Any]]:
    """Tell for each text what its words say for a label.

    Args:
        examples: `text`, and `text_pair` of a pair.
        options: Config of an explainer.
        label: to be explained; None takes the likeliest of each text.

    Returns:
        `{"text", "label", "score", "method", "words": [{"text", "start", "end", "score"}],
        "rest", "delta", "truncated"}` each: offsets are characters, of the second text where a
        word has `"of": "text_pair"`; the rest is of special pieces.

    Raises:
        InputError: the run has no such label, or the method cannot explain its model.
    """
    labels = run.task.labels
    if label is not None:
        label = {normal(name): name for name in labels}.get(normal(label), label)
        if label not in labels:
            raise InputError(registry.unknown("label", label, labels))
    refused = refusal(options.name, run)
    if refused:
        raise InputError(refused)
    return (_explained(run, example, options, label) for example in examples)


def refusal(name: str, run: Explained) -> str | None:
    """Tell why an explainer does not fit the model of a run; None if it does."""
    return registry.plugin("explainer", name).refusal(run.reader.model)


def _explained(
    run: Explained, example: Mapping[str, str], options: Section, label: str | None
) -> dict[str, Any]:
    text, truncated = run.read({**example, "label": None})
    probability = run.probabilities(text.features)[0]
    target = int(probability.argmax()) if label is None else run.task.labels.index(label)
    scores = run.scores(options, text, target)
    words = []
    for word, score in zip(text.words, scores.words, strict=True):
        second = {} if word.key == "text" else {"of": word.key}
        place = {"text": word.text, "start": word.start, "end": word.end, **second}
        words.append({**place, "score": round(float(score), DIGITS)})
    return {
        **{key: example[key] for key in reading.KEYS if key in example},
        "label": run.task.labels[target],
        "score": round(float(probability[target]), 4),
        "method": options.name,
        "words": words,
        "rest": round(scores.rest, DIGITS),
        "delta": round(scores.delta, DIGITS),
        "truncated": truncated,
    }
