"""`tfapps launch`."""

from __future__ import annotations

import argparse

from tfapps.cli._arguments import config_arguments, log_arguments, overwrite_argument

HELP = "run a config on several workers on this machine, as on several machines"
DETAIL = "The workers' logs lie in saved_models/ and are removed when all has gone well."
ARTIFACT = "as of `tfapps run`"
EXAMPLES = (
    "tfapps launch tickets.yaml",
    "tfapps launch tickets.yaml train.epochs=1 name=trial --workers 4",
)
PAGE = "how_to/several_machines.md"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    config_arguments(parser)
    log_arguments(parser)
    overwrite_argument(parser)
    parser.add_argument("--workers", type=int, default=2, help="number of workers (default 2)")
    parser.add_argument(
        "--restarts",
        type=int,
        default=3,
        help="number of restarts after a worker has failed (default 3)",
    )


def main(arguments: argparse.Namespace) -> int:
    """Run the verb."""
    from tfapps.config import load as configs
    from tfapps.errors import InputError
    from tfapps.processes import launch

    if arguments.workers < 2:
        raise InputError(f"--workers: got {arguments.workers}, expected 2 or more")
    if arguments.restarts < 0:
        raise InputError(f"--restarts: got {arguments.restarts}, expected 0 or more")
    settings = configs.load(arguments.config, arguments.overrides)
    if settings.train.strategy not in ("auto", "multi_worker"):
        raise InputError(
            f"train.strategy: got {settings.train.strategy}, expected multi_worker or auto to run "
            "on several workers"
        )
    command = ["run", arguments.config, *arguments.overrides]
    command += ["--overwrite"] if arguments.overwrite else []
    chief = ["--quiet"] if arguments.quiet else []
    chief += ["--log-file", arguments.log_file] if arguments.log_file else []
    return launch.launch(settings.name, command, arguments.workers, arguments.restarts, chief)
