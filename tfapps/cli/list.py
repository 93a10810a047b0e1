"""`tfapps list`."""

from __future__ import annotations

import argparse

HELP = (
    "list tasks, models, tuners, compressors, objectives, ensembles, explainers, sources, "
    "searches, artefacts, configs"
)
KINDS = ("task", "model", "tuner", "compressor", "objective", "ensemble", "explainer", "source")


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments: none."""


def main(arguments: argparse.Namespace) -> None:
    """Print one line a kind, from the folders alone."""
    from tfapps import registry
    from tfapps.config import shipped

    for kind in KINDS:
        _line(f"{kind}s", registry.names(kind))
    _line("searches", registry.names("search"))
    _line("artefacts", ["keras", *registry.artifacts()])
    _line("configs", shipped.names())


def _line(title: str, names: list[str]) -> None:
    print(f"{title:<12} {', '.join(names) or '-'}")
