"""The `tfapps` command: finds the verb's file, runs it, turns errors into exit codes."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tfapps import stopping
from tfapps.cli import _output, _pipes
from tfapps.errors import Failure, InputError
from tfapps.printable import plain

if TYPE_CHECKING:
    from tfapps.bundle import Bundle

VERBS = (
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
)
# A verb of these only prints, unless one of the options is given: it may end with its reader.
PRINTING = ("list", "inspect", "evaluate", "predict", "explain")
WRITING = ("attention", "output", "html", "faithful")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one verb.

    Returns:
        0 done, 1 failed honestly, 2 bad input.
    """
    # TensorFlow and LiteRT print start-up notes from C++ unless told before they are loaded.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    # Off by default on processors without AVX512, where its products are quicker all the same.
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
    if argv is None:
        _pipes.open_closed()
    _output.escape()
    if argv is not None:  # a program of one's own has signals and streams of its own
        return _answer(_parsed(argv))
    stopping.install()
    try:
        with _pipes.guarded() as output:
            arguments = _parsed(None)
            output.ends = _only_prints(arguments)
            return _answer(arguments)
    except BrokenPipeError:
        return 0  # the reader (`| head`) has what it wanted


def _only_prints(arguments: argparse.Namespace) -> bool:
    """Whether nothing is lost if the command ends when nobody reads what it prints."""
    files = any(getattr(arguments, name, None) for name in WRITING)
    return arguments.verb in PRINTING and not files


def _answer(arguments: argparse.Namespace) -> int:
    """Run the verb; its exit code."""
    try:
        return arguments.main(arguments) or 0
    except InputError as error:
        for line in str(error).split("\n"):
            print(f"error: {plain(line)}", file=sys.stderr)
        return 2
    except Failure as error:
        print("failed:", "\n".join(map(plain, str(error).split("\n"))), file=sys.stderr)
        return 1
    except (KeyboardInterrupt, stopping.Stopped) as stop:
        print(str(stop) or "stopped", file=sys.stderr)
        return getattr(stop, "code", 130)


def _parsed(argv: Sequence[str] | None) -> argparse.Namespace:
    """Parse; argparse itself ends a list of texts at the first option, we read on after it."""
    parser = _parser()
    arguments, rest = parser.parse_known_args(argv)
    if rest and hasattr(arguments, "texts") and not any(word.startswith("--") for word in rest):
        arguments.texts += rest
    elif rest:
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    return arguments


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="tfapps",
        description="Train, compress, export and prove text models from one YAML config.",
    )
    verbs = parser.add_subparsers(title="verbs", metavar="VERB", required=True)
    for name in VERBS:
        module = importlib.import_module(f"tfapps.cli.{name}")
        verb = verbs.add_parser(name, help=module.HELP, description=module.HELP)
        module.arguments(verb)
        verb.set_defaults(main=module.main, verb=name)
    return parser


def config_arguments(parser: argparse.ArgumentParser) -> None:
    """Add CONFIG and key=value, shared by every verb that starts from a config."""
    parser.add_argument("config", metavar="CONFIG", help="a YAML file, e.g. configs/....yaml")
    parser.add_argument(
        "overrides",
        metavar="key=value",
        nargs="*",
        help="override any config value, dotted path and YAML value: train.epochs=2",
    )


def run_arguments(parser: argparse.ArgumentParser) -> None:
    """Add RUN and --artifact, shared by every verb that starts from a bundle."""
    parser.add_argument("run", metavar="RUN", help="a run's name or its folder")
    parser.add_argument("--artifact", metavar="NAME", help="which file of the run to use")


def bundle_path(run: str) -> Path:
    """Return the folder of a run given by folder or by name under `saved_models/`."""
    path = Path(run)
    return path if path.exists() or os.sep in run else Path("saved_models") / run


def open_bundle(run: str, several: bool = False) -> Bundle:
    """Open a run given by folder or by name, checked against its manifest.

    Args:
        several: whether it may be an ensemble.
    """
    from tfapps.bundle import MEMBERS, Bundle

    bundle = Bundle.open(bundle_path(run))
    if bundle.members and not several:
        raise InputError(
            f"{bundle.path} is an ensemble, expected a single run; give one of its members, "
            f"{bundle.path / MEMBERS}/0 say"
        )
    return bundle
