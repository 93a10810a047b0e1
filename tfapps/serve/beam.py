"""Predict the lines of many files with Apache Beam, which brings the machines."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from tfapps.errors import Failure, InputError
from tfapps.forms.base import BATCH
from tfapps.printable import json_line
from tfapps.serve.predictor import Predictor
from tfapps.text.questions import Question, fields_of, question

HERE = "--runner=FnApiRunner"  # inside this process


def predict(
    run: Path, artifact: str | None, lines: str, answers: str, options: Sequence[str] = ()
) -> None:
    """Write one JSON object for each line of some files, `{"text", ...}`, in no order.

    Args:
        run: folder of the run; every worker opens it by this path.
        lines: pattern of the files, here or wherever Beam can read (`gs://bucket/part-*`).
        answers: what the paths of the answers begin with; `-00000-of-00003.jsonl` follows.
        options: of Beam, `--runner=FlinkRunner` for one; without any it all runs in this process.

    Raises:
        InputError: no run, no such artefact, no files, or a line that is no text.
        Failure: Beam could not do it.
    """
    import apache_beam as beam
    from apache_beam.io import filesystems
    from apache_beam.options import pipeline_options as options_of_beam

    Predictor.open(run, artifact)  # a faulty run is reported before anything starts
    if lines == os.path.basename(lines):
        lines = os.path.join(os.curdir, lines)  # Beam finds no pattern that names no folder
    if not filesystems.FileSystems.match([lines])[0].metadata_list:
        raise InputError(f"{lines}: no such files; --input takes a pattern, quoted for the shell")
    pipeline_options = options_of_beam.PipelineOptions(list(options) or [HERE])
    try:
        with beam.Pipeline(options=pipeline_options) as pipeline:
            _ = (
                pipeline
                | beam.io.ReadFromTextWithFilename(lines, coder=beam.coders.BytesCoder())
                | beam.Reshuffle()  # else whoever read a file would answer all of it
                | beam.BatchElements(min_batch_size=BATCH, max_batch_size=16 * BATCH)
                | beam.ParDo(_answer(beam, str(run.resolve()), artifact))
                | beam.io.WriteToText(answers, file_name_suffix=".jsonl")
            )
    except (InputError, Failure):
        raise
    except Exception as error:
        raise _worker_error(error) from error


def _answer(beam: Any, run: str, artifact: str | None) -> Any:
    """Return the step that answers a batch of (file, line); a worker opens the run once."""

    class Answer(beam.DoFn):
        def setup(self) -> None:
            self.predictor = Predictor.open(Path(run), artifact)
            self.cut = beam.metrics.Metrics.counter("tfapps", "texts_cut")

        def process(self, batch: Sequence[tuple[str, bytes]]) -> Iterator[str]:
            questions = [question_of(*line, self.predictor.paired) for line in batch]
            before = self.predictor.truncated
            for one, answer in zip(questions, self.predictor(questions), strict=True):
                yield json_line({**fields_of(one), **answer})
            self.cut.inc(self.predictor.truncated - before)

    return Answer()


def question_of(file: str, line: bytes, paired: bool) -> Question:
    """Return what a line asks, see `tfapps.text.questions`.

    Raises:
        InputError: it is not UTF-8, or not what the run reads.
    """
    try:
        # Which line is the first of a file is unknown here, so each may have a byte order mark.
        text = line.decode("utf-8-sig").removesuffix("\r")
    except UnicodeDecodeError:
        raise InputError(f"{file}: {line[:40]!r} is not valid UTF-8; convert it first") from None
    return question(text, paired, file)


def _worker_error(error: Exception) -> Exception:
    """Return the error of a worker in one line: its traceback comes back as text."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    for line in reversed(lines):
        name, separator, text = line.partition("InputError: ")
        if separator and name in ("", "tfapps.errors."):
            return InputError(text.partition(" [while running")[0])
    return Failure(f"Beam: {lines[-1] if lines else type(error).__name__}")
