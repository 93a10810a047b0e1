"""Ask a client for answers, and compare them with those of the bundle, row by row."""

from __future__ import annotations

import json
import math
import os
import subprocess
import tempfile
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tfapps.errors import Failure
from tfapps.verify.clients.base import Client, File

ABOUT = "tfapps.json"
CLOSE = 1e-3  # of numbers, relative to those above 1
TIE = 1e-4  # `tfapps predict` gives scores in four digits
Question = str | tuple[str, str]
Answer = Mapping[str, Any]


@dataclass(frozen=True)
class Comparison:
    """How the answers of a client compare with those of the bundle.

    Attributes:
        rows: how many there are.
        different: the numbers of those whose decisions differ.
        ties: how many more have another label, which the bundle gives the same score as its own.
        decides: what decides: `label`, `labels`, `number` or another key of an answer.
        difference: largest of the other numbers, such as scores; None where there are none.
    """

    rows: int
    different: tuple[int, ...]
    ties: int
    decides: str
    difference: float | None


def file_of(artifact: str, path: Path) -> File:
    """Return an artefact of a bundle as clients are offered it."""
    about = None
    if path.is_file() and zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as carried:
            if ABOUT in carried.namelist():
                about = json.loads(carried.read(ABOUT))
    return File(artifact, path.absolute(), about)


def ask(
    client: type[Client], file: File, texts: Sequence[Question], python: str
) -> tuple[str, list[dict[str, Any]]]:
    """Return the name and version of a client's runtime, and its answers to texts.

    Raises:
        Failure: the child process failed, or did not answer each text.
    """
    command = [str(word) for word in client.command(file, python)]
    lines = "".join(f"{json.dumps(text)}\n" for text in texts)
    with tempfile.TemporaryDirectory() as folder:  # no file of the user's folder is imported
        done = subprocess.run(
            [command[0] if os.sep not in command[0] else os.path.abspath(command[0]), *command[1:]],
            input=lines,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            cwd=folder,
            check=False,
        )
    place = f"{Path(command[0]).name} {Path(command[1]).name if command[1:] else ''}".strip()
    if done.returncode:
        last = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
        raise Failure(f"{file.artifact}: {place} failed: {last}")
    try:
        first, *answers = [json.loads(line) for line in done.stdout.splitlines()]
        runtime = first["runtime"]
    except (ValueError, KeyError, TypeError) as error:
        raise Failure(f"{file.artifact}: {place} wrote no line with its runtime first") from error
    if len(answers) != len(texts):
        raise Failure(f"{file.artifact}: {place} gave {len(answers)} answers to {len(texts)} texts")
    return runtime, answers


def compare(expected: Sequence[Answer], answers: Sequence[Answer]) -> Comparison:
    """Compare the answers of a client with those of the bundle, row by row.

    Each key of a client's answer must be in the bundle's answer. A row differs if its labels or
    other text differ. An answer of numbers alone differs if a number does.
    """
    different, differences, deciding, ties = [], [], set(), 0
    for number, (right, answer) in enumerate(zip(expected, answers, strict=True)):
        numbers = {key: value for key, value in answer.items() if isinstance(value, float)}
        decisions = {key: value for key, value in answer.items() if key not in numbers}
        deciding |= set(decisions or numbers)
        same = bool(answer) and all(
            key in right and _plain(right[key]) == _plain(value) for key, value in decisions.items()
        )
        for key, value in numbers.items():
            distance = abs(value - right[key]) if key in right else math.inf
            if decisions:
                differences.append(distance)
            same = same and (bool(decisions) or distance <= CLOSE * max(1.0, abs(value)))
        if not same and _tied(right, answer):
            ties += 1
        elif not same:
            different.append(number)
    largest = max(differences, key=lambda d: math.inf if math.isnan(d) else d, default=None)
    return Comparison(len(answers), tuple(different), ties, " and ".join(sorted(deciding)), largest)


def _tied(right: Answer, answer: Answer) -> bool:
    """Return whether the bundle gives the label of a client the score of its own, as int8 may."""
    scores = dict(right.get("top", ()))
    return answer.get("label") in scores and (
        right["score"] - scores[answer["label"]] <= TIE
        and abs(right["score"] - answer["score"]) <= TIE
    )


def _plain(value: Any) -> Any:
    """Return a decision without the order of labels, which depends on their scores."""
    return sorted(value, key=str) if isinstance(value, list | tuple) else value
