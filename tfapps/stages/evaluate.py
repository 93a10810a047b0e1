"""Judge one artefact of a run on any file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from tfapps import registry
from tfapps.bundle import Bundle
from tfapps.config import RunConfig


class Opened(NamedTuple):
    """An artefact beside the rows of a file: `runner(features)` is what it says of them.

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
    """An artefact, and a file in the format of the run's own source as it reads it."""
    from tfapps.data import encoding
    from tfapps.serve.predictor import open_runner
    from tfapps.text.tokenizer import Tokenizer

    task = registry.load("task", config.task.name).Task.load(config.task, bundle.text)
    source = registry.load("source", config.data.source)
    examples = source.read_file(config.data, Path(data))
    rows = len(examples)
    tokenizer = Tokenizer.load(bundle.text)
    if hasattr(task, "cut"):
        examples = task.cut(examples, tokenizer, config.model.max_length)
    encoded = encoding.encode(examples, task, tokenizer, config.model.max_length, None)
    runner, inputs = open_runner(artifact, bundle, config, task, tokenizer)
    features = encoding.dense(encoded, inputs, config.model.max_length)
    targets = {name: encoded.columns[name] for name in task.targets}
    return Opened(task, rows, examples, runner, features, targets)


def evaluate(bundle: Bundle, config: RunConfig, data: str, artifact: str) -> tuple[int, dict]:
    """Judge one artefact on a file in the format of the run's own source.

    Returns:
        Number of rows, and the task's metrics.
    """
    there = opened(bundle, config, data, artifact)
    outputs = there.runner(there.features)
    return there.rows, there.task.predict_metrics(outputs, there.targets, there.examples)
