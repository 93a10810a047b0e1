"""Chooses model, lengths and epochs for a data file, so that the exported file fits a budget."""

from __future__ import annotations

import contextlib
import dataclasses
import io
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tfapps import registry
from tfapps.config.sections import TextConfig
from tfapps.errors import InputError
from tfapps.models.base import Weights
from tfapps.starting.look import SHARE, Look
from tfapps.starting.points import POINTS, Point
from tfapps.text import languages
from tfapps.text.languages import Language
from tfapps.text.vocabulary import TooLargeError, spelling

ROWS = 20_000  # that are tokenized, evenly spaced
LONGEST = 512  # pieces of a text that are counted
SHORT, LONG = 128, 256  # up to the one 99 % of the texts are whole; the other is the limit
STEP = 8  # lengths are a multiple of it: it fits the tiles of `litert_dynamic`, see backends/tiles
SECONDS = 300  # of training
FIXED_SECONDS = 60  # of starting, exporting and verifying
ENTRY_BYTES = 8  # of a vocabulary entry beside its weights: its text, and scales of its row
FILE_BYTES = 100_000  # of the graph and of what the file says of itself
FEWEST = 500  # entries of a vocabulary
# Of a pre-trained vocabulary, where the budget has room: texts that training has not seen need more
# than it used. On support_intents 8,000 in place of 3,775 gave 0.910 in place of 0.893.
TRIMMED = 8_000
RARE = 5  # the most often that a piece of a pre-trained vocabulary may occur and be dropped
MB = 1_000_000


@dataclass(frozen=True)
class Measures:
    """What the rows need of a model.

    Attributes:
        lengths: of texts in pieces, (n,).
        entries: of the vocabulary, those that the file will hold.
        limited: whether they were cut to fit the budget.
        by_count: entries that remain if a piece must occur once, twice, ... up to `RARE` times;
            empty where the vocabulary is learned.
        min_count: how often a piece must occur.
    """

    lengths: np.ndarray
    entries: int
    limited: bool = False
    by_count: Sequence[int] = ()
    min_count: int = 1


@dataclass(frozen=True)
class Choice:
    """A model for a data file, and what it was chosen by.

    Attributes:
        look: the file.
        rows: its rows as the task reads them.
        task: the task, with the labels of all rows.
        language: of the texts.
        point: the model.
        measures: what the rows need of it.
        sections: of the config: task, model, text, train, compress, export.
        max_length: in pieces.
        size: bytes of the file, about.
        weights: of the model, by entry of the vocabulary and others.
        seconds: of the run on 2 CPU cores, about.
        passed_over: better models, and why they were not chosen.
    """

    look: Look
    rows: Sequence[Mapping[str, Any]]
    task: Any
    language: Language
    point: Point
    measures: Measures
    sections: dict[str, Any]
    max_length: int
    size: float
    weights: Weights
    seconds: float
    passed_over: list[str]

    @property
    def whole(self) -> float:
        """Return the share of texts that are not cut."""
        return float(np.mean(self.measures.lengths <= self.max_length))

    @property
    def labels(self) -> Counter[str]:
        """Return the number of rows of each label; empty where there are none."""
        if not self.task.labels or "label" not in self.rows[0]:
            return Counter()
        labels = [row["label"] for row in self.rows]
        return Counter(
            x for label in labels for x in (label if isinstance(label, list) else [label])
        )


def choose(look: Look, max_mb: float) -> Choice:
    """Choose the best model whose exported file fits.

    Args:
        look: what the file holds.
        max_mb: megabytes of the file.

    Raises:
        InputError: rows that the run would refuse, or no model fits.
    """
    source = registry.load("source", look.source)
    with contextlib.redirect_stdout(io.StringIO()):  # the run prints its notes again
        rows = source.Source.read(source.Config(**look.data), "train")
    task_module = registry.load("task", look.task)
    language = languages.guess(_plain(_some(_learned(look, {}, rows).texts(rows))))
    smallest, passed_over = math.inf, []
    for point in POINTS:
        if not _suits(point, task_module.Task, look, language):
            continue
        options = point.task if task_module.Task.tags_words else {}
        task = _learned(look, options, rows)
        try:
            choice = _tried(look, rows, task, options, language, point, max_mb)
        except InputError as error:  # its weights are not on this machine
            passed_over.append(str(error))
            continue
        if isinstance(choice, Choice):
            choice.passed_over.extend(passed_over)
            return choice
        smallest = min(smallest, choice)
        passed_over.append(f"{_name(point)} would take at least {choice / MB:.1f} MB")
    if smallest == math.inf:
        raise InputError(
            f"task {look.task}: no model to start from; tfapps init --list shows shipped configs"
        )
    raise InputError(
        f"--max-mb: got {max_mb:g}, expected at least {math.ceil(smallest / MB * 100) / 100:g} for "
        "the smallest model that reads this data"
    )


def _suits(point: Point, task: Any, look: Look, language: Language) -> bool:
    """Return whether a model goes with the task and the texts."""
    model = registry.plugin("model", point.model["name"])
    if model.provides != task.needs or task.misfit(model):
        return False
    return not (
        (point.english and language.name != "English")
        or point.tags not in (None, task.tags_words)
        or (not point.pairs and "text_pair" in look.data)
    )


def _tried(
    look: Look,
    rows: Sequence[Any],
    task: Any,
    options: Mapping[str, Any],
    language: Language,
    point: Point,
    max_mb: float,
) -> Choice | float:
    """Return the choice of a model, or the bytes that it takes at least where those are too many.

    Raises:
        InputError: its weights are not on this machine.
    """
    module = registry.load("model", point.model["name"])
    model = {**point.model, **(point.tagging if task.tags_words else {})}
    config = module.Config(**model, max_length=LONGEST)
    weights = module.Model.weights(config)
    text = dict(point.text)
    if text.get("tokenizer") == "words" and not language.spaced:
        text["tokenizer"] = "characters"
    smallest = _bytes(weights, FEWEST)
    if smallest > max_mb * MB:
        return smallest
    used = _measured(task, module.Model, config, text, rows, bool(point.compress))
    measures = _fitted(used, weights, max_mb * MB, bool(point.compress))
    size = _bytes(weights, measures.entries)
    if size > max_mb * MB:
        return size
    if measures.limited:
        text["vocabulary_size"] = measures.entries
    rare = {"min_count": measures.min_count} if measures.min_count > 1 else {}
    compress = [{**item, **rare, "size": measures.entries} for item in point.compress]
    max_length = _length(measures.lengths)
    train, seconds = _training(point, len(rows), np.minimum(measures.lengths, max_length))
    sections = {
        "task": {"name": look.task, **look.reading.task, **options},
        "model": {**model, "max_length": max_length},
        "text": text,
        "train": {**train, **point.train},
        "compress": compress,
        "export": ["litert_dynamic"],
    }
    return Choice(
        *(look, rows, task, language, point, measures, sections, max_length),
        *(size, weights, seconds, []),
    )


def _learned(look: Look, options: Mapping[str, Any], rows: Sequence[Any]) -> Any:
    module = registry.load("task", look.task)
    config = module.Config(name=look.task, **{**look.reading.task, **options})
    return module.Task.learn(config, rows)


def _measured(
    task: Any, model: Any, config: Any, text: Mapping[str, Any], rows: Sequence[Any], trims: bool
) -> Measures:
    """Tokenize rows as the run will, and count pieces."""
    section = TextConfig(**text)

    def make(size: int, texts: Iterable[Any]) -> Any:
        return model.tokenizer(config, section.model_copy(update={"vocabulary_size": size}), texts)

    some = _some(rows)
    try:
        tokenizer = make(section.vocabulary_size, task.texts(some))
    except TooLargeError as error:
        tokenizer = make(error.possible, task.texts(some))
    task.set_tokenizer(tokenizer, some, make)
    columns, _ = task.encode(task.expand(some, tokenizer, LONGEST), tokenizer, LONGEST)
    read = [columns[feature.name] for feature in model.features(config) if feature.name in columns]
    lengths = np.max([[len(row) for row in column] for column in read], axis=0)
    if not trims:
        return Measures(lengths, tokenizer.vocabulary_size)
    from tfapps.text.tokenizer import SPECIALS

    spelled = spelling(tokenizer.vocabulary, SPECIALS["wordpiece"])
    counts = np.bincount(np.concatenate(columns["token_ids"]), minlength=tokenizer.vocabulary_size)
    counts[[tokenizer.vocabulary[piece] for piece in spelled]] = RARE
    by_count = [int((counts >= least).sum()) for least in range(1, RARE + 1)]
    return Measures(lengths, by_count[0], by_count=by_count)


def _bytes(weights: Weights, entries: int) -> float:
    """Return the bytes of a file whose weights take one each."""
    return weights.others + FILE_BYTES + entries * (weights.entry + ENTRY_BYTES)


def _fitted(measures: Measures, weights: Weights, budget: float, trims: bool) -> Measures:
    """Return the vocabulary that the file holds.

    That of a pre-trained model (`trims`) keeps all that the rows use, or where they are too many
    those that are not rare, and is filled up to `TRIMMED` where there is room; one that is learned
    is cut to the room there is.
    """
    room = int((budget - _bytes(weights, 0)) / (weights.entry + ENTRY_BYTES))
    if trims:
        fits = (n for n, kept in enumerate(measures.by_count, 1) if kept <= room)
        least = next(fits, RARE)
        entries = max(measures.by_count[least - 1], min(TRIMMED, room // 100 * 100))
        return dataclasses.replace(measures, entries=entries, min_count=least)
    if measures.entries <= room:
        return measures
    return Measures(measures.lengths, max(FEWEST, room // 100 * 100), limited=True)


def _length(lengths: np.ndarray) -> int:
    """Return the length that cuts 1 % of the texts, or 5 % where they are long."""
    length = np.percentile(lengths, 99)
    if length > SHORT:
        length = min(max(np.percentile(lengths, 95), SHORT), LONG)
    return max(2 * STEP, math.ceil(length / STEP) * STEP)


def _training(point: Point, rows: int, lengths: np.ndarray) -> tuple[dict[str, int], float]:
    """Return epochs and batch size, and the seconds of the whole run."""
    trained = max(1, round(rows * (1 - 2 * SHARE)))
    batch = 32 if trained >= 1000 else 16
    least, usual, most = point.epochs
    enough = min(most, max(usual, math.ceil(point.steps * batch / trained)))
    epoch = trained * float(np.mean(lengths)) / point.speed
    epochs = max(least, min(enough, int(SECONDS / epoch)))
    return {"epochs": epochs, "batch_size": batch}, epochs * epoch + FIXED_SECONDS


def _some(rows: Sequence[Any]) -> Sequence[Any]:
    """Return at most `ROWS` rows, evenly spaced."""
    return rows[:: math.ceil(len(rows) / ROWS)]


def _plain(texts: Iterable[Any]) -> list[str]:
    return [text if isinstance(text, str) else " ".join(text) for text in texts]


def _name(point: Point) -> str:
    return point.model.get("preset") or point.model["name"]
