"""What the exported files of a run say of themselves."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tfapps.assembly.assemble import features
from tfapps.config.sections import RunConfig
from tfapps.runs.prepared import Prepared
from tfapps.text import portable

TARGET = "target_tokenizer.json"


def describe(prepared: Prepared, folder: Path) -> None:
    """Give each TFLite file in `folder` what a client needs to run it, and its metadata.

    Args:
        folder: the bundle being written.
    """
    from tfapps.export.parts import carried

    paths = sorted((folder / "litert").glob("*.tflite"))
    if not paths:
        return
    run = _run(prepared)
    for path in paths:
        carried.describe(path, run)


def probabilities(config: RunConfig, task: Any) -> dict[str, str]:
    """Return the outputs that get probabilities beside them, by what makes them of logits."""
    return task.probabilities(config.task) if config.probabilities else {}


def _run(prepared: Prepared) -> Any:
    """Return what all files of the run have in common, a `carried.Run`."""
    from tfapps.export.parts import carried

    config, task, tokenizer = prepared.config, prepared.task, prepared.tokenizer
    paired = "text_pair" in prepared.examples["train"][0] if not task.running_text else False
    about = {"task": config.task.name, "pairs": paired, "words": task.tags_words}
    about |= {"max_length": config.model.max_length, **task.answering()}
    files = {}
    if task.target_tokenizer is not None:
        own = task.target_vocabulary_size is not None
        about["target_tokenizer"] = TARGET if own else carried.TOKENIZER
        files = {TARGET: _compact(task.target_tokenizer.content())} if own else {}
    return carried.Run(
        about=about,
        inputs={
            feature.name: {"pad": feature.pad, **_source(feature.name)}
            for feature in features(config, task)
        },
        tokenizer=lambda length, vocabulary: portable.content(
            tokenizer,
            task.frame(tokenizer),
            length,
            words=task.tags_words,
            vocabulary=vocabulary,
        ),
        files=files,
        pieces=tokenizer.pieces(),
        unfit=_unfit(task, tokenizer, paired),
        probabilities=probabilities(config, task),
    )


def _unfit(task: Any, tokenizer: Any, paired: bool) -> str | None:
    """Return why MediaPipe would read texts of this run wrong; None if it would not.

    It takes a single text, lowercases it and splits it into word pieces.
    """
    if task.labels_of_outputs is None:
        return "it does not answer with one label for each text"
    if paired:
        return "it reads pairs of texts"
    if tokenizer.kind != "wordpiece":
        return f"its tokenizer is {tokenizer.kind}, and MediaPipe's is WordPiece"
    if not tokenizer.lowercase:
        return "its vocabulary has capitals, and MediaPipe lowercases every text"
    return None


def _source(name: str) -> dict[str, str]:
    """Return which attribute of an encoding the tokenizer gives an input with."""
    return {"from": portable.FIELDS[name]} if name in portable.FIELDS else {}


def _compact(content: bytes) -> bytes:
    return json.dumps(json.loads(content), ensure_ascii=False, separators=(",", ":")).encode()
