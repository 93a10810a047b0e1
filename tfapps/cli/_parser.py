"""The parser of the command line, made of what the verbs declare."""

from __future__ import annotations

import argparse
import importlib
from typing import Any

from tfapps.cli import _stages
from tfapps.version import VERSION

VERBS = (
    "init",
    "run",
    "train",
    "compress",
    "export",
    "verify",
    "inspect",
    "evaluate",
    "predict",
    "benchmark",
    "ensemble",
    "launch",
    "compare",
    "attack",
    "tune",
    "explain",
    "list",
    "completion",
)


def parser_of_all() -> argparse.ArgumentParser:
    """Return the parser with every verb."""
    parser = argparse.ArgumentParser(
        prog="tfapps",
        description="Train, compress, export and verify text models from one YAML config.",
    )
    parser.add_argument("--version", action="version", version=f"tfapps {VERSION}")
    verbs = parser.add_subparsers(title="verbs", metavar="VERB", required=True)
    for name in VERBS:
        verb = verb_of(name)
        verb_parser = verbs.add_parser(
            name,
            help=verb.HELP,
            description=f"{verb.HELP}\n{verb.DETAIL}",
            epilog=_epilog(verb),
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        verb.arguments(verb_parser)
        verb_parser.set_defaults(main=verb.main, verb=name)
    return parser


def verb_of(name: str) -> Any:
    """Return what has the parts of a verb: an object or its module.

    These are `HELP` and `DETAIL`, a line each; `ARTIFACT`, what it makes or reads where the command
    names none; two `EXAMPLES`; `PAGE`, of the documentation; and the functions `arguments` and
    `main`.
    """
    return _stages.STAGES.get(name) or importlib.import_module(f"tfapps.cli.{name}")


def _epilog(verb: Any) -> str:
    examples = "".join(f"\n  {command}" for command in verb.EXAMPLES)
    return (
        f"default artefact: {verb.ARTIFACT}\n\nexamples:{examples}\n\n"
        f"documentation: docs/{verb.PAGE}"
    )
