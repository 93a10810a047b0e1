"""The `tfapps` command: finds the verb, runs it, turns errors into exit codes."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from tfapps import extras, keras_backend
from tfapps.cli import _log, _output, _parser, _pipes
from tfapps.errors import Failure, InputError
from tfapps.printable import plain
from tfapps.processes import signals

# A verb of these only prints, unless one of the options is given: it may end with its reader.
PRINTING = ("list", "completion", "inspect", "evaluate", "predict", "explain")
WRITING = ("attention", "output", "html", "faithful")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one verb.

    Returns:
        0 done, 1 failed honestly, 2 bad input.
    """
    keras_backend.configure()
    if argv is None:
        _pipes.open_closed()
    _output.escape()
    if argv is not None:  # a program of one's own has signals and streams of its own
        return _answer(_parsed(argv))
    signals.install()
    try:
        with _pipes.guarded() as output:
            arguments = _parsed(None)
            output.ends = _only_prints(arguments)
            return _answer(arguments)
    except BrokenPipeError:
        return 0  # the reader (`| head`) has what it wanted


def _only_prints(arguments: argparse.Namespace) -> bool:
    """Return whether the command only prints, so that it may end when its reader is gone."""
    files = any(getattr(arguments, name, None) for name in WRITING)
    return arguments.verb in PRINTING and not files


def _answer(arguments: argparse.Namespace) -> int:
    """Run the verb; its exit code."""
    try:
        with extras.explained(), _log.copied(arguments):
            return arguments.main(arguments) or 0
    except InputError as error:
        for line in str(error).split("\n"):
            print(f"error: {plain(line)}", file=sys.stderr)
        return 2
    except Failure as error:
        print("failed:", "\n".join(map(plain, str(error).split("\n"))), file=sys.stderr)
        return 1
    except (KeyboardInterrupt, signals.Stopped) as stop:
        print(str(stop) or "stopped", file=sys.stderr)
        return getattr(stop, "code", 130)


def _parsed(argv: Sequence[str] | None) -> argparse.Namespace:
    """Parse arguments; texts and key=value may also follow an option, unlike in argparse alone."""
    parser = _parser.parser_of_all()
    arguments, rest = parser.parse_known_args(argv)
    several = getattr(arguments, "texts", getattr(arguments, "overrides", None))
    if rest and several is not None and not any(word.startswith("--") for word in rest):
        several += rest
    elif rest:
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    return arguments
