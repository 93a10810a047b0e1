"""`tfapps compress`."""

from __future__ import annotations

import argparse

HELP = "compress the model of a config and write its bundle"


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
    from tfapps.stages.compress import compress

    compress(settings)
