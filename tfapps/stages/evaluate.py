"""Judge one artefact of a run on any file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from tfapps import registry
from tfapps.bundle.bundle import Bundle
from tfapps.config import paths
from tfapps.config.sections import RunConfig
from tfapps.errors import InputError
from tfapps.features.arrays import map_arrays
from tfapps.presets import offline
from tfapps.runs import unjudged

PART = 64  # rows at a time, where each has logits for a whole vocabulary at many places


class Opened(NamedTuple):
    """An artefact and the rows of a file; `runner(features)` returns its outputs.

    Attributes:
        rows: of the file; the task may have cut them into more examples.
    """

    task: Any
    rows: int
    examples: list[dict[str, Any]]
    runner: Any
    features: Mapping[str, np.ndarray]
    targets: Mapping[str, Any]


def opened(bundle: Bundle, config: RunConfig, data: str, artifact: str) -> Opened:
    """Open an artefact, and a file in the format of the run's own source as it reads it."""
    from tfapps.features import padding
    from tfapps.serve.artifacts import open_runner

    task, tokenizer, examples, encoded = _read(bundle, config, data)
    rows = len({example.get("sentence", number) for number, example in enumerate(examples)})
    with offline.bundle(bundle.path):
        runner = open_runner(artifact, bundle, config, task, tokenizer)
    features = padding.dense(encoded, runner.features)
    targets = {name: encoded.columns[name] for name in task.targets}
    return Opened(task, rows, examples, runner, features, targets)


def evaluate(bundle: Bundle, config: RunConfig, data: str, artifact: str) -> tuple[int, dict]:
    """Judge one artefact on a file in the format of the run's own source.

    Returns:
        Number of rows, and the task's metrics.
    """
    if bundle.members:
        return _by_members(bundle, config, data, artifact)
    if registry.load("task", config.task.name).Task.reduces:
        return _by_parts(bundle, config, data, artifact)
    judged = opened(bundle, config, data, artifact)
    unjudged.log(judged.task, judged.targets, judged.examples, Path(data).name)
    outputs = judged.runner(judged.features)
    return judged.rows, judged.task.predict_metrics(outputs, judged.targets, judged.examples)


def holds_training_rows(config: RunConfig, data: str) -> bool:
    """Return whether a file is the one that the run was trained on, or on a share of."""
    root = config.data_options.root
    train = getattr(config.data, "train", None)
    if not isinstance(train, str):
        return False
    try:
        path = paths.locate(data, root, here_first=True)
        return path.samefile(paths.locate(train, root))
    except (InputError, OSError):  # the name of a split, or a file that is gone
        return False


def _by_parts(bundle: Bundle, config: RunConfig, data: str, artifact: str) -> tuple[int, dict]:
    """Evaluate running text in parts, because memory cannot hold the logits of all of it."""
    from tfapps.data.masking import Masking
    from tfapps.features import padding
    from tfapps.serve.artifacts import open_runner

    task, tokenizer, _, encoded = _read(bundle, config, data)
    with offline.bundle(bundle.path):
        runner = open_runner(artifact, bundle, config, task, tokenizer)
    masking, inputs = Masking(**task.masking()), registry.features(config.model)
    parts = []
    for start in range(0, len(encoded), PART):
        rows = np.arange(start, min(start + PART, len(encoded)))
        features = padding.dense(encoded, inputs, rows)
        targets = {name: encoded.columns[name][rows] for name in task.targets}
        changed = masking(features, targets, (config.seed, start))
        features, targets = (map_arrays(np.asarray, part) for part in changed)
        parts.append(map_arrays(np.asarray, task.reduce(targets, runner(features))))
    outputs = map_arrays(lambda *arrays: np.concatenate(arrays), *parts)
    return len(encoded), task.predict_metrics(outputs, {}, ())


def _by_members(bundle: Bundle, config: RunConfig, data: str, artifact: str) -> tuple[int, dict]:
    """Evaluate an ensemble, whose members each read texts in their own way."""
    from tfapps.serve.predictor import Predictor
    from tfapps.text.questions import texts_of

    source = registry.plugin("source", config.data.source)
    rows = source.read_file(config.data, Path(data))
    predictor = Predictor.open(bundle.path, artifact)
    task, _, examples, encoded = _read(Bundle.open(bundle.members[0]), config, data)
    targets = {name: encoded.columns[name] for name in task.targets}
    unjudged.log(task, targets, examples, Path(data).name)
    return len(rows), task.predict_metrics(predictor.logits(texts_of(rows)), targets, examples)


def _read(bundle: Bundle, config: RunConfig, data: str) -> tuple[Any, Any, Any, Any]:
    """Return the task, the tokenizer, and the file as examples and as columns."""
    from tfapps.data import encoding
    from tfapps.text.tokenizer import Tokenizer

    task = registry.load("task", config.task.name).Task.load(config.task, bundle.text)
    source = registry.plugin("source", config.data.source)
    examples = source.read_file(config.data, Path(data))
    tokenizer = Tokenizer.load(bundle.text)
    examples = task.expand(examples, tokenizer, config.model.max_length)
    encoded = encoding.encode(examples, task, tokenizer, config.model.max_length, None)
    return task, tokenizer, examples, encoded
