"""Arguments that several verbs share."""

from __future__ import annotations

import argparse


def config_arguments(parser: argparse.ArgumentParser) -> None:
    """Add CONFIG and key=value, shared by every verb that starts from a config."""
    parser.add_argument("config", metavar="CONFIG", help="a YAML file, e.g. configs/....yaml")
    overrides_argument(parser)


def overrides_argument(parser: argparse.ArgumentParser) -> None:
    """Add key=value, after the config that it changes."""
    parser.add_argument(
        "overrides",
        metavar="key=value",
        nargs="*",
        help="override any config value, dotted path and YAML value: train.epochs=2",
    )


def overwrite_argument(parser: argparse.ArgumentParser) -> None:
    """Add --overwrite, shared by every verb that writes a run."""
    parser.add_argument(
        "--overwrite",
        action="store_true",
        help="replace a finished run of this name that was made of other values or other data",
    )


def size_argument(parser: argparse.ArgumentParser) -> None:
    """Add --max-mb, shared by every verb that recommends a file."""
    parser.add_argument(
        "--max-mb",
        metavar="MB",
        help="the most that the recommended file may weigh, as gate.max_mb=MB; the verb fails if "
        "no file is as small without losing more than gate.max_drop",
    )


def log_arguments(parser: argparse.ArgumentParser) -> None:
    """Add --quiet and --log-file, shared by every verb that trains."""
    parser.add_argument("--quiet", action="store_true", help="print nothing but errors")
    parser.add_argument(
        "--log-file",
        metavar="FILE",
        help="also append all that is printed to this file; with --quiet, only there",
    )


def run_arguments(parser: argparse.ArgumentParser) -> None:
    """Add RUN and --artifact, shared by every verb that starts from a bundle."""
    parser.add_argument("run", metavar="RUN", help="a run's name or its folder")
    parser.add_argument(
        "--artifact", metavar="NAME", help="artefact of the run to use: litert_int8, or int8"
    )


def texts_argument(parser: argparse.ArgumentParser) -> None:
    """Add TEXT, any number of them."""
    parser.add_argument(
        "texts",
        metavar="TEXT",
        nargs="*",
        help="texts; `-` or none reads lines from stdin; separate the texts of a pair by a tab, "
        "or give `text` and `text_pair` of a JSON object",
    )
