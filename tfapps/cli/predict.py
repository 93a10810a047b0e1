"""`tfapps predict`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from tfapps.bundle.opening import bundle_path
from tfapps.cli._arguments import run_arguments, texts_argument
from tfapps.printable import json_line, plain

HELP = "predict with any artefact of a run: texts in, JSON lines out"
DETAIL = "Lines of standard input are answered as they come; TensorFlow is loaded for keras alone."
ARTIFACT = "the recommended one, else the most faithful LiteRT file of the run"
EXAMPLES = (
    'tfapps predict tickets "Where is my parcel?"',
    "tail -f log.txt | tfapps predict tickets - --artifact int8",
)
PAGE = "how_to/your_own_data.md"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    run_arguments(parser)
    texts_argument(parser)
    parser.add_argument(
        "--also",
        metavar="RUN",
        action="append",
        help="another run to predict with, tuned on the same preset (tuning.store: delta); the "
        "runs share one copy of the preset",
    )
    parser.add_argument(
        "--json",
        action="store_true",
        help="print JSON lines, not coloured entities, on a terminal too",
    )
    parser.add_argument(
        "--csv",
        metavar="COLUMN",
        action="append",
        help="TEXT is a table (- for standard input) with texts in this column; it is printed with "
        "the answers as further columns; for pairs give --csv twice",
    )
    parser.add_argument(
        "--attention",
        metavar="FILE.png",
        type=Path,
        help="plot the attention of the first text's translation",
    )
    parser.add_argument(
        "--runner",
        choices=("here", "beam"),
        default="here",
        help="beam predicts the lines of --input into --output with Apache Beam",
    )
    parser.add_argument(
        "--input", metavar="PATTERN", help="input files of --runner beam, one text a line"
    )
    parser.add_argument(
        "--output",
        metavar="FILE",
        help="file that --csv writes, or prefix of the output files of --runner beam",
    )
    parser.add_argument(
        "--beam",
        metavar="OPTION",
        action="append",
        default=[],
        help="an option for Beam, such as --beam=--runner=FlinkRunner",
    )


def main(arguments: argparse.Namespace) -> None:
    """Print one JSON object a text, or on a terminal the text with its entities in colour."""
    from tfapps.cli import _coloured, _table, _texts
    from tfapps.keras_backend import import_backend
    from tfapps.serve.predictor import Predictor
    from tfapps.text.questions import fields_of

    if arguments.artifact:
        import_backend(arguments.artifact)
    if arguments.runner == "beam":
        _over_beam(arguments)
        return
    _check_options(arguments)
    if arguments.also:
        _ask_all([arguments.run, *arguments.also], arguments.texts)
        return
    predictor = Predictor.open(bundle_path(arguments.run), arguments.artifact)
    if arguments.csv:
        rows = _table.answer(predictor, arguments.texts, arguments.csv, arguments.output)
        if arguments.output:
            print(f"{arguments.output}: {rows} rows")
        _report_truncated(predictor)
        return
    in_colour = _coloured.enabled() and not arguments.json
    for questions in _texts.stream(arguments.texts, predictor.paired):
        for question, answer in zip(questions, predictor(questions), strict=True):
            if in_colour and "entities" in answer:
                print(_coloured.entities(question, answer["entities"]), *_rest(answer))
            else:
                print(json_line({**fields_of(question), **answer}))
        sys.stdout.flush()
        if arguments.attention is not None:
            _texts.write(predictor.attention(questions[0]), arguments.attention)
            arguments.attention = None  # of the first text only
    _report_truncated(predictor)


def _report_truncated(predictor: Any) -> None:
    if predictor.truncated:
        print(f"{predictor.truncated} text(s) truncated to the model's length", file=sys.stderr)


def _check_options(arguments: argparse.Namespace) -> None:
    """Refuse options that would have no effect."""
    from tfapps.errors import InputError

    if arguments.input or (arguments.output and not arguments.csv):
        raise InputError(
            "--input goes with --runner beam, --output with that or with --csv; leave it out"
        )
    if arguments.csv and (arguments.also or arguments.attention or arguments.json):
        raise InputError("--csv cannot be combined with --also, --attention or --json")


def _over_beam(arguments: argparse.Namespace) -> None:
    """Predict files with Apache Beam."""
    from tfapps.errors import InputError
    from tfapps.serve import beam

    if arguments.texts or not (arguments.input and arguments.output):
        raise InputError(
            "--runner beam reads files, not texts: give --input PATTERN and --output PREFIX"
        )
    if arguments.also or arguments.attention or arguments.csv:
        raise InputError("--runner beam cannot be combined with --also, --attention or --csv")
    run = bundle_path(arguments.run)
    beam.predict(run, arguments.artifact, arguments.input, arguments.output, arguments.beam)


def _ask_all(runs: list[str], texts: list[str]) -> None:
    """Print one JSON object a text, with the answer of every run under its name."""
    from tfapps.cli import _texts
    from tfapps.keras_backend import import_keras

    import_keras()
    from tfapps.serve.deltas import Shared
    from tfapps.text.questions import fields_of

    shared = Shared.open([bundle_path(run) for run in runs])
    for questions in _texts.stream(texts, shared.paired):
        answers = {name: run(questions) for name, run in shared.runs.items()}
        for number, question in enumerate(questions):
            by_run = {name: of_run[number] for name, of_run in answers.items()}
            print(json_line({**fields_of(question), **by_run}))
        sys.stdout.flush()


def _rest(answer: dict[str, Any]) -> list[str]:
    """Return the other answers beside the entities, as one word each."""
    return [plain(f"{key}={value}") for key, value in answer.items() if key != "entities"]
