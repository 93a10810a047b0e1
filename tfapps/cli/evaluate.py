"""`tfapps evaluate`."""

from __future__ import annotations

import argparse
import json

from tfapps.bundle.opening import open_bundle
from tfapps.cli._arguments import run_arguments

HELP = "evaluate any artefact of a run on any file"
DETAIL = "The file has the format and the columns of the run's own data."
ARTIFACT = "keras"
EXAMPLES = (
    "tfapps evaluate tickets --data new.csv",
    "tfapps evaluate tickets --data new.csv --artifact int8 --json",
)
PAGE = "how_to/your_own_data.md"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    run_arguments(parser)
    parser.add_argument(
        "--data", required=True, metavar="FILE", help="a file in the format of the run's source"
    )
    parser.add_argument("--json", action="store_true", help="end with one line of JSON")


def main(arguments: argparse.Namespace) -> None:
    """Print the task's metrics."""
    from tfapps import registry
    from tfapps.bundle.artefacts import full_name
    from tfapps.config import load as configs
    from tfapps.keras_backend import import_backend
    from tfapps.stages.evaluate import evaluate, holds_training_rows

    bundle = open_bundle(arguments.run, several=True)
    artifact = full_name(arguments.artifact or "keras", bundle.artifacts(), bundle.path)
    settings = configs.load(bundle.config_path)
    # Of running text Keras judges what any artefact says.
    judged = registry.load("task", settings.task.name).Task.reduces
    import_backend("keras" if judged else artifact)
    rows, metrics = evaluate(bundle, settings, arguments.data, artifact)
    for name, value in metrics.items():
        print(f"{name:<20} {value:.4f}")
    if holds_training_rows(settings, arguments.data):
        print(
            f"note: the run was trained on rows of {arguments.data}, so these figures are too "
            "good; metrics.json has those of the rows that were held out"
        )
    if arguments.json:
        print(json.dumps({"artifact": artifact, "rows": rows, "metrics": metrics}))
