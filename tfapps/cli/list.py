"""`tfapps list`."""

from __future__ import annotations

import argparse
import json

HELP = (
    "list tasks, models, tuners, compressors, objectives, ensembles, explainers, sources, "
    "searches, clients, artefacts, configs"
)
DETAIL = "--keys says what each key of a config means, its type and its default."
ARTIFACT = "none is opened"
EXAMPLES = ("tfapps list --keys train.epochs", "tfapps list --json")
PAGE = "reference/command_line.md"
KINDS = ("task", "model", "tuner", "compressor", "objective", "ensemble", "explainer", "source")


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    parser.add_argument(
        "--keys",
        metavar="KEY",
        nargs="?",
        const="",
        help="explain the keys of configs: all, a section (train), a plug-in (bert) or one key",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def main(arguments: argparse.Namespace) -> None:
    """Print one line a kind, from the folders alone, or what keys of a config mean."""
    if arguments.keys is not None:
        _keys(arguments.keys, arguments.json)
        return
    lists = _lists()
    if arguments.json:
        print(json.dumps(lists))
        return
    for title, names in lists.items():
        print(f"{title:<12} {', '.join(names) or '-'}")


def _lists() -> dict[str, list[str]]:
    from tfapps import registry
    from tfapps.config import shipped

    lists = {f"{kind}s": registry.names(kind) for kind in KINDS}
    lists["searches"] = registry.names("search")
    lists["clients"] = registry.names("client")
    lists["artefacts"] = ["keras", *registry.artifacts()]
    lists["configs"] = shipped.names()
    return lists


def _keys(wanted: str, as_json: bool) -> None:
    from tfapps.config import keys

    explained = keys.explain(wanted)
    if as_json:
        print(json.dumps([key._asdict() for key in explained]))
        return
    for key in explained:
        print(key)
