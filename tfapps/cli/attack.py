"""`tfapps attack`."""

from __future__ import annotations

import argparse

from tfapps.bundle.opening import open_bundle
from tfapps.stages import attacks

HELP = "measure a run's accuracy under adversaries, typing errors and missing words"
DETAIL = "The picture and the figures are written into the run."
ARTIFACT = "keras, whose gradients the adversaries need"
EXAMPLES = ("tfapps attack tickets --rows 40", "tfapps attack tickets --epsilon 0.5 1 --json")
PAGE = "how_to/explaining.md"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    parser.add_argument("run", metavar="RUN", help="a run's name or its folder")
    meanings = "; ".join(f"{a.name}: {a.meaning}" for a in attacks.ATTACKS.values())
    parser.add_argument(
        "--attacks",
        nargs="+",
        metavar="NAME",
        help=f"attacks to run, or `all` (default {' '.join(attacks.DEFAULT)}: those that cost "
        f"one step or less). {meanings}",
    )
    parser.add_argument(
        "--epsilon",
        type=float,
        nargs="+",
        metavar="SHARE",
        help="sizes of the perturbation of embeddings, as shares of the size of a text's "
        f"embeddings (default {' '.join(map(str, attacks.EPSILONS))})",
    )
    parser.add_argument(
        "--rows",
        type=int,
        default=attacks.ROWS,
        help="use the first ROWS dev rows (default %(default)s)",
    )
    parser.add_argument(
        "--seconds",
        type=float,
        help="start no further attack after so long, and name those left out (default no limit)",
    )
    parser.add_argument("--json", action="store_true", help="end with one line of JSON")


def main(arguments: argparse.Namespace) -> None:
    """Print a line an attack; the picture and the figures are in the bundle."""
    import json

    from tfapps.config import load as configs
    from tfapps.errors import InputError
    from tfapps.keras_backend import import_keras
    from tfapps.stages import attack

    epsilons = arguments.epsilon or attacks.EPSILONS
    if any(epsilon <= 0 for epsilon in epsilons):
        raise InputError(f"--epsilon: got {min(epsilons)}, expected more than 0")
    if arguments.rows < 1:
        raise InputError(f"--rows: got {arguments.rows}, expected 1 or more")
    if arguments.seconds is not None and not arguments.seconds > 0:
        raise InputError(f"--seconds: got {arguments.seconds:g}, expected more than 0")
    attacks.chosen(arguments.attacks, tagged=False)
    bundle = open_bundle(arguments.run).verify()  # figures and a picture are written into it
    settings = configs.load(bundle.config_path)
    import_keras()
    figures = attack.attack(
        bundle, settings, epsilons, arguments.rows, arguments.attacks, arguments.seconds
    )
    print(attack.table(bundle.metrics["headline"], figures))
    print(f"picture: {bundle.path / attack.PICTURE}")
    if arguments.json:
        print(json.dumps(figures))
