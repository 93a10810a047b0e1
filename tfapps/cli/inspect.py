"""`tfapps inspect`."""

from __future__ import annotations

import argparse

HELP = "look before you train: resolved config, one batch decoded, shapes, parameters"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    from tfapps.cli.main import config_arguments

    config_arguments(parser)


def main(arguments: argparse.Namespace) -> None:
    """Print what `tfapps run` would work on, without training."""
    from tfapps import config
    from tfapps.cli._quiet import import_keras

    settings = config.load(arguments.config, arguments.overrides)
    import_keras()
    from tfapps.stages.inspect import describe

    print(describe(settings))
