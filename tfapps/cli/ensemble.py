"""`tfapps ensemble`."""

from __future__ import annotations

import argparse

HELP = "train several runs that answer as one; picks up where it stopped"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    from tfapps.cli.main import config_arguments

    config_arguments(parser)


def main(arguments: argparse.Namespace) -> None:
    """Run the verb."""
    from tfapps import config
    from tfapps.cli._quiet import import_keras

    settings = config.load(arguments.config, arguments.overrides)
    import_keras()
    from tfapps.stages.ensemble import ensemble

    bundle = ensemble(settings)
    print(f"bundle: {bundle.path}")
