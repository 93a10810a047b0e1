"""Judge one artefact of a run on any file."""

from __future__ import annotations

from pathlib import Path

from tfapps import registry
from tfapps.bundle import Bundle
from tfapps.config import RunConfig


def evaluate(bundle: Bundle, config: RunConfig, data: str, artifact: str) -> tuple[int, dict]:
    """Judge one artefact on a file in the format of the run's own source.

    Returns:
        Number of rows, and the task's metrics.
    """
    from tfapps.data import encoding
    from tfapps.serve.predictor import open_runner
    from tfapps.text.tokenizer import Tokenizer

    task = registry.load("task", config.task.name).Task.load(config.task, bundle.text)
    source = registry.load("source", config.data.source)
    examples = source.read_file(config.data, Path(data))
    tokenizer = Tokenizer.load(bundle.text)
    encoded = encoding.encode(examples, task, tokenizer, config.model.max_length, None)
    runner, inputs = open_runner(artifact, bundle, config, task, tokenizer)
    outputs = runner(encoding.dense(encoded, inputs, config.model.max_length))
    targets = {name: encoded.columns[name] for name in task.targets}
    return len(examples), task.predict_metrics(outputs, targets, examples)
