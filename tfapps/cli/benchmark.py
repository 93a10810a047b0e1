"""`tfapps benchmark`."""

from __future__ import annotations

import argparse

from tfapps import extras
from tfapps.bundle.opening import open_bundle

HELP = "measure size, latency, throughput and peak memory of a run's artefacts"
DETAIL = "Times single dev rows of one text each, on one CPU thread unless --threads is given."
ARTIFACT = "all of the run but saved_model, which is code"
EXAMPLES = ("tfapps benchmark tickets", "tfapps benchmark tickets --artifact int8 --threads 4")
PAGE = "how_to/android.md"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    parser.add_argument("run", metavar="RUN", help="a run's name or its folder")
    parser.add_argument(
        "--rows", type=int, default=200, help="number of dev rows to time (default 200)"
    )
    parser.add_argument("--threads", type=int, default=1, help="number of threads (default 1)")
    parser.add_argument(
        "--artifact",
        metavar="NAME",
        action="append",
        help="measure only this one; repeatable (default all but saved_model, which is code)",
    )
    parser.add_argument("--json", action="store_true", help="end with one line of JSON")


def main(arguments: argparse.Namespace) -> None:
    """Print a table, one line an artefact."""
    import json
    import sys

    from tfapps.config import load as configs
    from tfapps.keras_backend import import_backend
    from tfapps.stages.benchmark import benchmark, measurable, table

    bundle = open_bundle(arguments.run)
    settings = configs.load(bundle.config_path)
    names = arguments.artifact or measurable(bundle)
    for name in names:
        import_backend(name)
    figures = benchmark(bundle, settings, arguments.rows, arguments.threads, names)
    print(table(bundle, figures))
    if not arguments.artifact and "keras" not in names:
        print(f"keras: not measured; run: {extras.install_command('keras')}", file=sys.stderr)
    print(f"training curves: tensorboard --logdir {bundle.path / 'logs'}")
    if arguments.json:
        print(json.dumps(figures))
