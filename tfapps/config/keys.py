"""What may stand in a config: every key with its type, its default and what it means."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from typing import Any, NamedTuple, get_args

from pydantic import BaseModel

from tfapps import registry
from tfapps.config import messages
from tfapps.config.sections import RunConfig, Section
from tfapps.errors import InputError

# Section of a config -> the kind of plug-in that it names.
PLUGINS = {
    "task": "task",
    "data": "source",
    "model": "model",
    "tuning": "tuner",
    "objective": "objective",
    "ensemble": "ensemble",
    "compress": "compressor",
    "search": "search",
}
_FIELD = re.compile(r"    (\w+): ")
_COMMENT = re.compile(r"(?:^|  )# (.*)$")


class Key(NamedTuple):
    """A key of a config.

    Attributes:
        path: dotted, such as `train.epochs`.
        plugin: whose key it is, such as `bert`; empty where every config has it.
        type: what it takes, in words.
        default: as text; `required` without one.
        about: what it means, as far as its docstring or a comment says.
    """

    path: str
    plugin: str
    type: str
    default: str
    about: str

    def __str__(self) -> str:
        of = f" (of {self.plugin})" if self.plugin else ""
        line = f"{self.path}{of}: {self.type}, {self.default}"
        return f"{line}\n    {self.about}" if self.about else line


def explain(wanted: str = "") -> list[Key]:
    """Return keys of configs.

    Args:
        wanted: a section (`train`), a plug-in (`bert`), a key (`train.epochs`, `max_length`), or
            one of a plug-in (`bert.max_length`, `model.bert.max_length`); all keys if empty.

    Raises:
        InputError: there is no such key.
    """
    every = list(_all())
    sections = {key.path.partition(".")[0] for key in every}
    if wanted in sections:  # not also `data.train`
        return [key for key in every if key.path.partition(".")[0] == wanted]
    matching = [key for key in every if not wanted or wanted in _names(key)]
    if not matching:
        names = sorted({name for key in every for name in _names(key)})
        raise InputError(
            f"no key {wanted!r} in a config{registry.hint(wanted, names)}; `tfapps list --keys` "
            "shows all"
        )
    return matching


def _names(key: Key) -> set[str]:
    """Return what a key may be asked for by."""
    section, _, last = key.path.rpartition(".")
    names = {key.path, last, section} - {""}
    if key.plugin:
        names |= {f"{key.plugin}.{last}", f"{section}.{key.plugin}", key.plugin}
        names |= {f"{section}.{key.plugin}.{last}"}
    return names


def _all() -> Iterator[Key]:
    """Yield every key, in the order of a config's sections."""
    for name, field in RunConfig.model_fields.items():
        if name in PLUGINS:
            kind = PLUGINS[name]
            for plugin in registry.names(kind):
                section = registry.load(kind, plugin).Config
                yield from _of(section, f"{name}.", plugin)
        elif sections := [part for part in _parts(field.annotation) if issubclass(part, Section)]:
            yield from _of(sections[0], f"{name}.", "")
        else:
            yield from _of(RunConfig, "", "", [name])


def _of(
    section: type[BaseModel], prefix: str, plugin: str, names: list[str] | None = None
) -> Iterator[Key]:
    texts = _texts(section)
    for name, field in section.model_fields.items():
        if names is not None and name not in names:
            continue
        takes = messages.expected(field.annotation, field.metadata)
        default = "required" if field.is_required() else f"default {_shown(field.get_default())}"
        yield Key(f"{prefix}{name}", plugin, takes, default, texts.get(name, ""))


def _parts(annotation: Any) -> list[type]:
    """Return the classes that an annotation is made of."""
    if isinstance(annotation, type):
        return [annotation]
    return [part for argument in get_args(annotation) for part in _parts(argument)]


def _shown(value: Any) -> str:
    return "null" if value is None else str(value)


def _texts(section: type[BaseModel]) -> dict[str, str]:
    """Return what a class and its bases say of their fields, in docstrings and comments."""
    texts: dict[str, str] = {}
    for base in reversed(section.__mro__):
        if issubclass(base, BaseModel) and base not in (BaseModel, Section):
            texts |= _comments(inspect.getsource(base))
            texts |= _attributes(inspect.getdoc(base) if "__doc__" in vars(base) else "")
    return texts


def _attributes(doc: str | None) -> dict[str, str]:
    """Return the entries of `Attributes:` of a docstring."""
    part = (doc or "").partition("Attributes:\n")[2].split("\n\n")[0]
    entries = re.split(r"\n(?=    \w)", part.rstrip()) if part else []
    pairs = [" ".join(entry.split()).split(": ", 1) for entry in entries]
    return {name: text for names, text in pairs for name in names.split(", ")}


def _comments(source: str) -> dict[str, str]:
    """Return the comments behind fields, or in the lines right above them."""
    texts: dict[str, str] = {}
    above: list[str] = []
    for line in source.split("\n"):
        field, comment = _FIELD.match(line), _COMMENT.search(line)
        if field and (comment or above):
            texts[field[1]] = comment[1] if comment else " ".join(above)
        above = [*above, comment[1].strip()] if comment and not field else []
    return texts
