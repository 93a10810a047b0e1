"""`tfapps attack`."""

from __future__ import annotations

import argparse

from tfapps.bundle.opening import open_bundle

HELP = "measure a run's accuracy under adversaries, typing errors and missing words"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    parser.add_argument("run", metavar="RUN", help="a run's name or its folder")
    parser.add_argument(
        "--epsilon",
        type=float,
        nargs="+",
        metavar="SHARE",
        help="size of the perturbation, as a share of the size of a text's embeddings",
    )
    parser.add_argument("--rows", type=int, help="use the first ROWS dev rows (default all)")
    parser.add_argument("--json", action="store_true", help="end with one line of JSON")


def main(arguments: argparse.Namespace) -> None:
    """Print a line an attack; the picture and the figures are in the bundle."""
    import json

    from tfapps.config import load as configs
    from tfapps.errors import InputError
    from tfapps.keras_backend import import_keras
    from tfapps.stages import attack

    epsilons = arguments.epsilon or attack.EPSILONS
    if any(epsilon <= 0 for epsilon in epsilons):
        raise InputError(f"--epsilon: got {min(epsilons)}, expected more than 0")
    if arguments.rows is not None and arguments.rows < 1:
        raise InputError(f"--rows: got {arguments.rows}, expected 1 or more")
    bundle = open_bundle(arguments.run)
    settings = configs.load(bundle.config_path)
    import_keras()
    figures = attack.attack(bundle, settings, epsilons, arguments.rows)
    print(attack.table(bundle.metrics["headline"], figures))
    print(f"picture: {bundle.path / attack.PICTURE}")
    if arguments.json:
        print(json.dumps(figures))
