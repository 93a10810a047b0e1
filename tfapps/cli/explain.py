"""`tfapps explain`."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tfapps.bundle.opening import open_bundle
from tfapps.cli._arguments import texts_argument
from tfapps.printable import json_line

if TYPE_CHECKING:
    from tfapps.bundle.bundle import Bundle
    from tfapps.config.sections import RunConfig, Section

HELP = "show which words of a text led to its label"
DETAIL = "Words for the label are shaded in one colour, words against it in another."
ARTIFACT = "keras, whose gradients most methods need"
EXAMPLES = (
    'tfapps explain tickets "Where is my parcel?"',
    "tfapps explain tickets --faithful --rows 50",
)
PAGE = "how_to/explaining.md"
METHOD = "integrated_gradients"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    parser.add_argument("run", metavar="RUN", help="a run's name or its folder")
    texts_argument(parser)
    parser.add_argument("--method", metavar="NAME", help=f"default {METHOD}; see tfapps list")
    parser.add_argument(
        "--set",
        metavar="key=value",
        action="append",
        default=[],
        help="a setting of the method, such as steps=200",
    )
    parser.add_argument("--label", metavar="NAME", help="label to explain (default the likeliest)")
    parser.add_argument(
        "--json",
        action="store_true",
        help="print JSON lines, not coloured words, on a terminal too",
    )
    parser.add_argument(
        "--html", metavar="FILE", type=Path, help="also write the coloured texts to a web page"
    )
    parser.add_argument(
        "--faithful",
        action="store_true",
        help="evaluate the methods on the dev set, by deleting and inserting words",
    )
    parser.add_argument("--rows", type=int, help="number of dev rows, evenly spaced (default 100)")


def main(arguments: argparse.Namespace) -> None:
    """Print a line a text, or for `--faithful` a line a method."""
    from tfapps import registry
    from tfapps.config import load as configs
    from tfapps.errors import InputError
    from tfapps.keras_backend import import_keras

    for text in _senseless(arguments):
        raise InputError(text)
    options = None
    if arguments.method or arguments.set or not arguments.faithful:
        name = arguments.method or METHOD
        explainer = registry.load("explainer", name)
        options = configs.options(explainer.Config, [*arguments.set, f"name={name}"], name)
    bundle = open_bundle(arguments.run)
    if arguments.faithful:
        bundle.verify()  # figures and a picture are written into it
    settings = configs.load(bundle.config_path)
    import_keras()
    if arguments.faithful:
        _judge(arguments, bundle, settings, options)
    else:
        _explain(arguments, bundle, settings, options)


def _senseless(arguments: argparse.Namespace) -> list[str]:
    """Return the problems of options that do not go together."""
    wrong = []
    if arguments.rows is not None and not arguments.faithful:
        wrong.append("--rows is only for --faithful")
    if arguments.rows is not None and arguments.rows < 1:
        wrong.append(f"--rows: got {arguments.rows}, expected 1 or more")
    if arguments.faithful and (arguments.texts or arguments.label or arguments.html):
        wrong.append("--faithful takes the dev set; leave texts, --label and --html out")
    return wrong


def _judge(
    arguments: argparse.Namespace, bundle: Bundle, settings: RunConfig, options: Section | None
) -> None:
    from tfapps.stages import faithful

    figures = faithful.faithful(bundle, settings, arguments.rows or faithful.ROWS, options)
    print(faithful.table(figures))
    print(f"picture: {bundle.path / faithful.PICTURE}")
    if arguments.json:
        print(json.dumps(figures))


def _explain(
    arguments: argparse.Namespace, bundle: Bundle, settings: RunConfig, options: Section
) -> None:
    from tfapps.cli import _coloured, _page, _texts
    from tfapps.stages import explain
    from tfapps.text import questions as lines

    run = explain.opened(bundle, settings)
    questions = _texts.questions(arguments.texts, lines.reads_pairs(settings))
    examples = [lines.fields_of(question) for question in questions]
    in_colour = _coloured.enabled() and not arguments.json
    answers, truncated = [], 0
    for answer in explain.explain(run, examples, options, arguments.label):
        truncated += answer.pop("truncated")
        if in_colour:
            print(_coloured.explained(answer), flush=True)
        else:
            print(json_line(answer), flush=True)
        if arguments.html is not None:
            answers.append(answer)
    if arguments.html is not None:
        content = _page.page(f"{settings.name}: {options.name}", answers)
        _texts.write(content.encode("utf-8", "replace"), arguments.html)
    if truncated:
        print(f"{truncated} text(s) truncated to the model's length", file=sys.stderr)
