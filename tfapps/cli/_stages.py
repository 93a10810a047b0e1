"""The verbs that load a config and pass it to the stage of the same name."""

from __future__ import annotations

import argparse
import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tfapps.cli import _arguments


@dataclass
class StageVerb:
    """A verb with the parts that the module of any other verb has.

    Args:
        name: of the verb, of the module in `tfapps.stages` and of the function in it.
        HELP: one line for `--help`.
        show: prints what the stage returns.
        replaces: whether it takes `--overwrite`.
        ships: whether it recommends a file, and takes `--max-mb`.
    """

    name: str
    HELP: str
    show: Callable[[Any], None] = lambda result: None
    replaces: bool = False
    ships: bool = False

    def arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare the verb's arguments."""
        _arguments.config_arguments(parser)
        if self.replaces:
            _arguments.overwrite_argument(parser)
        if self.ships:
            _arguments.size_argument(parser)

    def main(self, arguments: argparse.Namespace) -> None:
        """Run the stage; Keras is loaded once the config is known to be right."""
        from tfapps.config import load as configs
        from tfapps.keras_backend import import_keras

        overrides = list(arguments.overrides)
        if self.ships and arguments.max_mb is not None:
            overrides.append(f"gate.max_mb={arguments.max_mb}")
        settings = configs.load(arguments.config, overrides)
        import_keras()
        stage = importlib.import_module(f"tfapps.stages.{self.name}")
        options = {"overwrite": arguments.overwrite} if self.replaces else {}
        self.show(getattr(stage, self.name)(settings, **options))


STAGES = {
    verb.name: verb
    for verb in (
        StageVerb(
            "run",
            "train, compress, export and verify; resumes an interrupted run",
            replaces=True,
            ships=True,
        ),
        StageVerb("train", "train the model of a config and write its bundle", replaces=True),
        StageVerb("compress", "compress the model of a config and write its bundle", replaces=True),
        StageVerb("export", "export a trained run to the artefacts of its config"),
        StageVerb("verify", "run every exported artefact on the dev set against the Keras model"),
        StageVerb(
            "inspect",
            "show the resolved config, a decoded batch, shapes and parameters; train nothing",
            show=print,
        ),
        StageVerb(
            "ensemble",
            "train several runs and combine their answers; resumes an interrupted one",
            show=lambda bundle: print(f"bundle: {bundle.path}"),
            replaces=True,
            ships=True,
        ),
    )
}
