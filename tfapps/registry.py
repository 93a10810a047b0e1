"""Plug-ins by name: the folder is the list, so a new file needs no edit anywhere else.

This is the one place that looks upward: it imports by name, at run time, and only on `load`.
"""

from __future__ import annotations

import difflib
import functools
import importlib
import importlib.util
import pkgutil
from collections.abc import Iterable
from types import ModuleType
from typing import Any

from tfapps.errors import InputError

CONTRACT = "base"  # the module that says what every plug-in of a folder has
KINDS: dict[str, str] = {
    "task": "tfapps.tasks",
    "form": "tfapps.forms",
    "model": "tfapps.models",
    "tuner": "tfapps.tuning",
    "compressor": "tfapps.compress",
    "objective": "tfapps.train.objectives",
    "source": "tfapps.data.sources",
    "exporter": "tfapps.export",
    "ensemble": "tfapps.ensembles",
    "search": "tfapps.search",
    "explainer": "tfapps.explain",
    "client": "tfapps.verify.clients",
}


def names(kind: str) -> list[str]:
    """Return the sorted plug-ins of a kind, without importing one.

    Example: `names("model")` -> `["bert", "bilstm"]`.
    """
    return list(_modules(KINDS[kind]))


@functools.cache
def _modules(package: str) -> tuple[str, ...]:
    """Return the sorted public modules of a package; cached, as one config asks ten times."""
    spec = importlib.util.find_spec(package)
    folders = list(spec.submodule_search_locations or ()) if spec else []
    return tuple(
        sorted(
            module.name
            for module in pkgutil.iter_modules(folders)
            if not module.ispkg and is_plugin(module.name)
        )
    )


def is_plugin(module: str) -> bool:
    """Return whether a module of a folder of plug-ins is one: no helper, and not the contract."""
    return module != CONTRACT and not module.startswith("_")


def load(kind: str, name: str) -> ModuleType:
    """Import one plug-in.

    Raises: InputError naming the plug-ins there are and the nearest one.
    """
    known = names(kind)
    if name not in known:
        raise InputError(unknown(kind, name, known))
    return importlib.import_module(f"{KINDS[kind]}.{name}")


def plugin(kind: str, name: str) -> Any:
    """Return the class of a plug-in, a subclass of the one in `base.py` of its folder.

    Example: `plugin("model", "bert")` -> `tfapps.models.bert.Model`.

    Raises: InputError, see `load`.
    """
    return class_of(load(kind, name))


def class_of(module: ModuleType) -> Any:
    """Return the class of a plug-in that is loaded already."""
    package = module.__name__.rpartition(".")[0]
    (kind,) = (kind for kind, folder in KINDS.items() if folder == package)
    return getattr(module, kind.capitalize())


def features(model: Any) -> tuple[Any, ...]:
    """Return the features that a model reads, by its section of a config."""
    return plugin("model", model.name).features(model)


def artifacts() -> dict[str, str]:
    """Return every artefact that can be exported -> the exporter that writes it.

    `keras` is not among them: a bundle always holds the weights.
    Raises: ValueError if two exporters claim one artefact.
    """
    writers: dict[str, str] = {}
    for exporter in names("exporter"):
        for artifact in plugin("exporter", exporter).artifacts:
            if artifact in writers:
                raise ValueError(f"{artifact}: written by both {writers[artifact]} and {exporter}")
            writers[artifact] = exporter
    return writers


def unknown(kind: str, name: str, known: Iterable[str]) -> str:
    """Return the message for an unknown name.

    Example: `unknown model 'brt': expected one of bert, bilstm; did you mean 'bert'?`
    """
    known = list(known)
    expected = f"expected one of {', '.join(known)}" if known else f"no {kind} is available"
    return f"unknown {kind} {name!r}: {expected}{hint(name, known)}"


def hint(word: str, words: Iterable[str]) -> str:
    """Return `; did you mean 'bert'?` with the nearest word; empty if nothing is close."""
    guess = nearest(word, words)
    return f"; did you mean {guess!r}?" if guess else ""


def nearest(word: str, words: Iterable[str]) -> str | None:
    """Return the word that the user most likely meant; None if nothing is close."""
    by_lower = {candidate.lower(): candidate for candidate in words}
    close = difflib.get_close_matches(word.lower(), by_lower, n=1)
    return by_lower[close[0]] if close else None
