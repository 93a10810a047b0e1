"""`tfapps verify`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from tfapps.cli import _arguments
from tfapps.errors import InputError

if TYPE_CHECKING:
    from tfapps.bundle.bundle import Bundle
    from tfapps.config.sections import RunConfig

HELP = "run every exported artefact on the dev set against the Keras model"
DETAIL = "A file that differs, or misses a limit of `verify:`, fails with exit code 1."
ARTIFACT = "all that were exported"
EXAMPLES = ("tfapps verify tickets.yaml", "tfapps verify tickets --client bare")
PAGE = "how_to/real_clients.md"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    parser.add_argument("run", metavar="CONFIG|RUN", help="a YAML file, or a run's name or folder")
    _arguments.overrides_argument(parser)
    parser.add_argument(
        "--client",
        metavar="NAME",
        help="answer the dev set in another runtime instead, and compare with the answers of the "
        "bundle: bare, mediapipe, or all that can run here",
    )
    parser.add_argument(
        "--artifact", metavar="NAME", help="with --client: answer with this artefact only"
    )
    parser.add_argument(
        "--python", metavar="PATH", help="with --client: the Python that has its runtime"
    )
    _arguments.log_arguments(parser)


def main(arguments: argparse.Namespace) -> None:
    """Verify a run; Keras is loaded once the arguments are known to be right."""
    if arguments.client is None:
        for option in ("artifact", "python"):
            if getattr(arguments, option) is not None:
                raise InputError(
                    f"--{option} goes with --client; give --client NAME, or leave it out"
                )
    settings, bundle = _opened(arguments)
    if arguments.client is not None:
        from tfapps.bundle.opening import RUNS, open_bundle
        from tfapps.stages.clients import verify_in_client

        bundle = open_bundle(RUNS / settings.name) if bundle is None else bundle
        bundle.verify()  # results are written into it
        options = arguments.client, arguments.artifact, arguments.python
        verify_in_client(settings, bundle, *options)
        return
    from tfapps.keras_backend import import_keras

    import_keras()
    from tfapps.stages.verify import verify

    verify(settings, bundle)


def _runs() -> list[str]:
    """Return the names of finished runs here."""
    from tfapps.bundle.opening import RUNS

    return [path.name for path in sorted(RUNS.glob("[!.]*")) if path.is_dir()]


def _opened(arguments: argparse.Namespace) -> tuple[RunConfig, Bundle | None]:
    """Return a config, and the bundle if a run was named."""
    from tfapps import registry
    from tfapps.bundle.opening import RUNS, bundle_path, open_bundle
    from tfapps.config import load as configs

    target, overrides = arguments.run, arguments.overrides
    is_config = Path(target).suffix in (".yaml", ".yml") or Path(target).is_file()
    if is_config:
        return configs.load(target, overrides), None
    if not bundle_path(target).exists():
        raise InputError(
            f"{target}: no such config or run; expected a YAML file, a run's folder, or a name of "
            f"{RUNS}/{registry.hint(target, _runs())}"
        )
    if overrides:
        raise InputError(
            f"{target} is a run, which has its config: got {' '.join(overrides)}, expected no "
            "values; give the config file to change some"
        )
    bundle = open_bundle(target)
    return configs.load(bundle.config_path), bundle
