"""`tfapps tune`."""

from __future__ import annotations

import argparse

from tfapps.cli._arguments import config_arguments, log_arguments

HELP = "search for the best values of a config's `search:`; resumes an interrupted search"
DETAIL = "The best values are written as a config of their own."
ARTIFACT = "none is exported"
EXAMPLES = ("tfapps tune tickets.yaml", "tfapps tune tickets.yaml train.epochs=2 name=short")
PAGE = "how_to/search.md"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    config_arguments(parser)
    log_arguments(parser)


def main(arguments: argparse.Namespace) -> None:
    """Run the verb."""
    from tfapps.config import load as configs
    from tfapps.errors import InputError
    from tfapps.keras_backend import import_keras

    settings = configs.load(arguments.config, arguments.overrides)
    if settings.search is None:
        raise InputError(
            f"{arguments.config}: no search: in this config; add one, such as search: {{name: "
            "random, trials: 20, space: {train.learning_rate: {low: 1.0e-5, high: 1.0e-3, "
            "log: true}}}"
        )
    variant = configs.variants(arguments.config, arguments.overrides)
    import_keras()
    from tfapps.stages.tune import tune

    tune(settings, variant)
