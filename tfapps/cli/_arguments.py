"""Arguments that several verbs share, and the runs that they name."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING

from tfapps.errors import InputError

if TYPE_CHECKING:
    from tfapps.bundle.bundle import Bundle


def config_arguments(parser: argparse.ArgumentParser) -> None:
    """Add CONFIG and key=value, shared by every verb that starts from a config."""
    parser.add_argument("config", metavar="CONFIG", help="a YAML file, e.g. configs/....yaml")
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


def run_arguments(parser: argparse.ArgumentParser) -> None:
    """Add RUN and --artifact, shared by every verb that starts from a bundle."""
    parser.add_argument("run", metavar="RUN", help="a run's name or its folder")
    parser.add_argument("--artifact", metavar="NAME", help="artefact of the run to use")


def texts_argument(parser: argparse.ArgumentParser) -> None:
    """Add TEXT, any number of them."""
    parser.add_argument(
        "texts",
        metavar="TEXT",
        nargs="*",
        help="texts; `-` or none reads lines from stdin; separate the texts of a pair by a tab, "
        "or give `text` and `text_pair` of a JSON object",
    )


def bundle_path(run: str) -> Path:
    """Return the folder of a run given by folder or by name under `saved_models/`."""
    path = Path(run)
    return path if path.exists() or os.sep in run else Path("saved_models") / run


def open_bundle(run: str, several: bool = False) -> Bundle:
    """Open a run given by folder or by name, checked against its manifest.

    Args:
        several: whether it may be an ensemble.
    """
    from tfapps.bundle.bundle import MEMBERS, Bundle

    bundle = Bundle.open(bundle_path(run))
    if bundle.members and not several:
        raise InputError(
            f"{bundle.path} is an ensemble, expected a single run; give one of its members, "
            f"{bundle.path / MEMBERS}/0 say"
        )
    return bundle
