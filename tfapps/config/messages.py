"""Turns pydantic's findings into one line each: what arrived, what was expected, how to fix it."""

from __future__ import annotations

import re
import types
from collections.abc import Iterable, Sequence
from pathlib import PurePath
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from tfapps import registry
from tfapps.config import strict_yaml

# PyYAML follows YAML 1.1, where a float needs a dot and a signed exponent.
_EXPONENT = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)[eE][-+]?\d+")
_BOUNDS = (("ge", ">="), ("gt", ">"), ("le", "<="), ("lt", "<"))
_LENGTHS = (("min_length", "at least"), ("max_length", "at most"))


def as_meant(value: Any, annotation: Any) -> Any:
    """Undo what YAML cannot say: `5e-5` for a float, a list for a tuple, a string for a path."""
    options = _options(annotation)
    if isinstance(value, str) and str not in options:
        if float in options and _EXPONENT.fullmatch(value):
            return float(value)
        for option in options:
            if isinstance(option, type) and issubclass(option, PurePath):
                return option(value)
    if isinstance(value, dict):
        for option in options:
            if get_origin(option) is dict:
                return {key: as_meant(item, get_args(option)[1]) for key, item in value.items()}
    if isinstance(value, list):
        for option in options:
            if get_origin(option) in (list, tuple) and get_args(option):
                inner = get_args(option)[0]
                return get_origin(option)(as_meant(item, inner) for item in value)
    return value


def explain(error: ValidationError, model: type[BaseModel], path: str) -> list[str]:
    """Return one line for every value at fault, in the order of the fields."""
    lines: dict[str, str] = {}
    for problem in error.errors(include_url=False, include_context=False):
        where, line = _line(problem, model, path)
        # A union reports once for every member; the line already names all of them.
        lines.setdefault(where, line)
    # Nor is the value itself at fault where a part of it is.
    return [
        line
        for where, line in lines.items()
        if not any(other.startswith(f"{where}.") for other in lines)
    ]


def unknown_key(path: Sequence[str], key: Any, known: Iterable[str]) -> str:
    """Return `model.presett: unknown key; did you mean 'preset'?; known: max_length, ...`."""
    known = list(known)
    guess = registry.nearest(str(key), known)
    hint = f"did you mean {guess!r}?; " if guess else ""
    word = key if isinstance(key, str) and key.isprintable() else repr(key)
    return f"{'.'.join([*path, word])}: unknown key; {hint}known: {', '.join(known)}"


def expected(annotation: Any, metadata: Sequence[Any] = ()) -> str:
    """Return what a field takes, in words.

    Example: `expected(float | None, [Gt(0)])` -> `float > 0 or null`.
    """
    options = [_expected_one(option) for option in _members(annotation)]
    limits = _limits(metadata)
    if limits:
        at = next((i for i, text in enumerate(options) if text != "null"), 0)
        options[at] = f"{options[at]} {limits}"
    return " or ".join(dict.fromkeys(options))


def _line(problem: Any, model: type[BaseModel], path: str) -> tuple[str, str]:
    names, field, inside, known = _walk(problem["loc"], model, path)
    where = ".".join(names)
    if problem["type"] in ("extra_forbidden", "invalid_key"):
        return where, unknown_key(names[:-1], names[-1], known)
    if problem["type"] in ("value_error", "assertion_error"):
        return where, f"{where}: {problem['msg'].partition(', ')[2]}"
    takes = expected(inside, field.metadata if field and inside is field.annotation else ())
    if problem["type"] == "missing":
        return where, f"{where}: missing; expected {takes}"
    return where, f"{where}: got {strict_yaml.show(problem['input'])}, expected {takes}"


def _walk(
    loc: Sequence[int | str], model: type[BaseModel], path: str
) -> tuple[list[str], FieldInfo | None, Any, list[str]]:
    """Follow a location to its field; the tags pydantic adds for union members are left out."""
    names, field, inside, known = [path], None, Any, list(model.model_fields)
    current: type[BaseModel] | None = model
    tagged = False
    for step in loc:
        if tagged:
            tagged = False
            continue
        if isinstance(step, int):
            names[-1] += f"[{step}]"
            inside = _item(inside, step)
        elif current is not None:
            names.append(str(step))
            known = list(current.model_fields)
            field = current.model_fields.get(str(step))
            inside = field.annotation if field else Any
        else:
            continue
        members = [option for option in _options(inside) if option is not type(None)]
        nested = [o for o in members if isinstance(o, type) and issubclass(o, BaseModel)]
        tagged = bool(nested) and len(members) > 1
        current = nested[0] if nested else None
    return names, field, inside, known


def _members(annotation: Any) -> list[Any]:
    if get_origin(annotation) in (Union, types.UnionType):
        return [member for option in get_args(annotation) for member in _members(option)]
    return [annotation]


def _options(annotation: Any) -> list[Any]:
    return [
        inner
        for member in _members(annotation)
        for inner in (
            _options(get_args(member)[0]) if get_origin(member) is Annotated else [member]
        )
    ]


def _item(annotation: Any, index: int) -> Any:
    for option in _options(annotation):
        arguments = [a for a in get_args(option) if a is not Ellipsis]
        if get_origin(option) in (list, tuple) and arguments:
            return arguments[min(index, len(arguments) - 1)]
    return Any


def _expected_one(option: Any) -> str:
    origin, arguments = get_origin(option), get_args(option)
    if option is type(None):
        return "null"
    if origin is Annotated:
        return expected(arguments[0], arguments[1:])
    if origin is Literal:
        return f"one of {', '.join(map(str, arguments))}"
    if origin in (list, tuple) and arguments:
        return f"list of {expected(arguments[0])}"
    if origin is dict or (isinstance(option, type) and issubclass(option, BaseModel | dict)):
        return "mapping"
    return getattr(option, "__name__", str(option))


def _limits(metadata: Sequence[Any]) -> str:
    flat = [
        rule
        for entry in metadata
        for rule in (entry.metadata if isinstance(entry, FieldInfo) else [entry])
    ]
    texts = [
        f"{sign} {getattr(rule, name)}"
        for name, sign in _BOUNDS
        for rule in flat
        if getattr(rule, name, None) is not None
    ]
    texts += [
        f"of {word} {getattr(rule, name)}"
        for name, word in _LENGTHS
        for rule in flat
        if getattr(rule, name, None) is not None
    ]
    texts += [
        f"matching {rule.pattern}" for rule in flat if getattr(rule, "pattern", None) is not None
    ]
    return " and ".join(texts)
