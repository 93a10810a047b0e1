"""The verbs that load a config and pass it to the stage of the same name."""

from __future__ import annotations

import argparse
import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tfapps.cli import _arguments

_EXPORTED = "those of `export:` in the config, by default litert_dynamic"


@dataclass
class StageVerb:
    """A verb with the parts that the module of any other verb has.

    Args:
        name: of the verb, of the module in `tfapps.stages` and of the function in it.
        HELP, DETAIL: two lines for `--help`; the first is shown in the list of verbs.
        EXAMPLES: two commands.
        PAGE: of the documentation, in `docs/`.
        ARTIFACT: what it makes or reads where the command names none.
        show: prints what the stage returns.
        replaces: whether it takes `--overwrite`.
        ships: whether it recommends a file, and takes `--max-mb`.
        logs: whether it takes `--quiet` and `--log-file`.
    """

    name: str
    HELP: str
    DETAIL: str
    EXAMPLES: tuple[str, str]
    PAGE: str = "how_to/your_own_data.md"
    ARTIFACT: str = _EXPORTED
    show: Callable[[Any], None] = lambda result: None
    replaces: bool = False
    ships: bool = False
    logs: bool = True

    def arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare the verb's arguments."""
        _arguments.config_arguments(parser)
        if self.replaces:
            _arguments.overwrite_argument(parser)
        if self.ships:
            _arguments.size_argument(parser)
        if self.logs:
            _arguments.log_arguments(parser)

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
            "Stages that are done are skipped; the run is written to saved_models/<name>/.",
            ("tfapps run tickets.yaml", "tfapps run tickets.yaml train.epochs=1 name=trial"),
            replaces=True,
            ships=True,
        ),
        StageVerb(
            "train",
            "train the model of a config and write its bundle",
            "An interrupted training is resumed; a finished one of the same values is kept.",
            (
                "tfapps train tickets.yaml",
                "tfapps train tickets.yaml train.learning_rate=1e-4 name=slower",
            ),
            "explanation/learning.md",
            "keras, the trained weights",
            replaces=True,
        ),
        StageVerb(
            "compress",
            "compress the model of a config and write its bundle",
            "The items of `compress:` are applied in their order, each with its own fine-tuning.",
            (
                "tfapps compress tickets.yaml",
                "tfapps compress tickets.yaml 'compress=[{name: qat, epochs: 1}]' name=rounded",
            ),
            "explanation/compression.md",
            "keras, the compressed weights",
            replaces=True,
        ),
        StageVerb(
            "export",
            "export a trained run to the artefacts of its config",
            "Each file holds the weights, in built-in operations and static shapes.",
            (
                "tfapps export tickets.yaml",
                "tfapps export tickets.yaml 'export=[litert_dynamic, litert_int8]'",
            ),
            "how_to/android.md",
        ),
        StageVerb(
            "inspect",
            "show the resolved config, a decoded batch, shapes and parameters; train nothing",
            "Every value is shown with its default, and the labels as they are learned.",
            ("tfapps inspect tickets.yaml", "tfapps inspect tickets.yaml train.batch_size=8"),
            ARTIFACT="none is made",
            show=print,
            logs=False,
        ),
        StageVerb(
            "ensemble",
            "train several runs and combine their answers; resumes an interrupted one",
            "The section `ensemble:` says how; `predict` and `evaluate` take the ensemble's name.",
            (
                "tfapps ensemble configs/intents_bert_banking77_soup.yaml",
                "tfapps ensemble tickets_voting.yaml ensemble.members=3",
            ),
            "explanation/learning.md",
            show=lambda bundle: print(f"bundle: {bundle.path}"),
            replaces=True,
            ships=True,
        ),
    )
}
