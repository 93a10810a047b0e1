"""`tfapps compare`."""

from __future__ import annotations

import argparse

from tfapps import extras
from tfapps.bundle.opening import bundle_path

HELP = "compare all artefacts of several runs in a table and a picture"
DETAIL = "The Pareto front of metric and size is marked."
ARTIFACT = "all of every run"
EXAMPLES = (
    "tfapps compare tickets tickets_small",
    "tfapps compare tickets tickets_small --out sizes.png",
)
PAGE = "explanation/compression.md"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    parser.add_argument("runs", metavar="RUN", nargs="+", help="a run's name or its folder")
    parser.add_argument(
        "--out",
        metavar="FILE.png",
        help="file of the picture (default compare.png)",
    )
    parser.add_argument("--json", action="store_true", help="end with one line of JSON")


def main(arguments: argparse.Namespace) -> None:
    """Write the picture, print the table."""
    import json
    import sys
    from pathlib import Path

    from tfapps.stages.compare import compare, draw, table

    comparison = compare([bundle_path(run) for run in arguments.runs])
    picture = arguments.out or "compare.png"
    drawn = bool(arguments.out) or extras.installed("matplotlib")
    if drawn:
        draw(comparison, Path(picture))
    print(table(comparison))
    if drawn:
        print(f"picture: {picture}")
    else:
        command = extras.install_command("matplotlib")
        print(f"picture: not drawn; run: {command}", file=sys.stderr)
    if arguments.json:
        print(json.dumps(comparison))
