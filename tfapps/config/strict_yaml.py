"""Strict YAML for configs: a key given twice, which PyYAML lets pass, is a problem here."""

from __future__ import annotations

import reprlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from tfapps import registry
from tfapps.errors import ConfigError

_SHORT = reprlib.Repr()
_SHORT.maxstring = _SHORT.maxother = _SHORT.maxlong = 80
_SHORT.maxlevel = 2
MOST_REPEATED = 100_000  # values that aliases may stand for, beside those that are written


def show(value: Any) -> str:
    """Return a value and its Python type, cut to a line: `'three' (str)`."""
    try:
        text = _SHORT.repr(value)
    except ValueError:  # Python refuses to print integers of thousands of digits
        text = "a huge number"
    return f"{text} ({type(value).__name__})"


def read(path: Path) -> dict[Any, Any]:
    """Return the mapping a config file holds.

    Raises: ConfigError for a file that is missing, no UTF-8, no YAML or no mapping.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except (FileNotFoundError, NotADirectoryError) as error:
        raise ConfigError([_missing(path)]) from error
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise ConfigError([f"{path}, line {line}: not UTF-8 text; save it as UTF-8"]) from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ConfigError([f"{path}: cannot read this config: {reason}"]) from error
    raw = parse(text, str(path))
    if not isinstance(raw, dict):
        got = "an empty file" if raw is None else show(raw)
        raise ConfigError([f"{path}: got {got}, expected a mapping with task, data and model"])
    return raw


def parse(text: str, where: str) -> Any:
    """Parse YAML text to plain Python values.

    Raises: ConfigError with the line at fault, with every key given twice, or for aliases that
        stand for more than `MOST_REPEATED` values.
    """
    try:
        loader = yaml.SafeLoader(text)
        try:
            node = loader.get_single_node()
            if node is None:
                return None
            sizes: dict[int, int] = {}
            if _size(node, sizes) - len(sizes) > MOST_REPEATED:
                raise ConfigError(
                    [
                        f"{where}: its aliases (*name) stand for more than {MOST_REPEATED:,} "
                        f"values; write out what they repeat, or repeat less"
                    ]
                )
            problems: list[str] = []
            _twice(node, "", set(), problems)
            if problems:
                raise ConfigError(problems)
            return loader.construct_document(node)
        finally:
            loader.dispose()
    except yaml.reader.ReaderError as error:
        line = text[: error.position].count("\n") + 1
        problem = f"the character {chr(error.character)!r} is not allowed"
        raise ConfigError([f"{where}, line {line}: not YAML: {problem}"]) from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        at = f", line {mark.line + 1}" if mark else ""
        raise ConfigError([f"{where}{at}: not YAML: {error.problem or error.context}"]) from error
    except RecursionError as error:
        raise ConfigError([f"{where}: nested too deeply to be a config"]) from error
    except ValueError as error:
        # PyYAML builds dates and numbers with Python's own constructors, unguarded.
        raise ConfigError([f"{where}: a value cannot be read: {error}; quote it"]) from error


def override(raw: dict[Any, Any], overrides: Sequence[str], problems: list[str]) -> dict[Any, Any]:
    """Return a copy of `raw` with every `dotted.path=yaml value` applied, last one winning."""
    for text in overrides:
        path, equals, value = text.partition("=")
        keys = [key.strip() for key in path.split(".")]
        if not equals or not all(keys) or not path.isprintable():
            problems.append(
                f"override {text!r}: expected key=value with a dotted key, such as train.epochs=2"
            )
            continue
        try:
            parsed = parse(value, f"override {text!r}")
        except ConfigError as error:
            problems.extend(
                line if line.startswith("override") else f"override {text!r}: {line}"
                for line in error.problems
            )
            continue
        try:
            raw = set_value(raw, keys, parsed)
        except ConfigError as error:
            problems.extend(f"override {text!r}: {line}" for line in error.problems)
    return raw


def set_value(inside: Any, keys: Sequence[str], value: Any, depth: int = 0) -> Any:
    """Return a copy with `value` at the end of `keys`.

    Raises: ConfigError for a key inside what is no mapping.
    """
    # Copies on the way down: YAML anchors let two sections share one dict.
    if depth == len(keys):
        return value
    if inside is None:
        inside = {}
    if not isinstance(inside, dict):
        here = ".".join(keys[:depth])
        raise ConfigError([f"{here} is {show(inside)}, not a mapping; give {here}= as a whole"])
    key = keys[depth]
    return {**inside, key: set_value(inside.get(key), keys, value, depth + 1)}


def _size(node: yaml.Node, sizes: dict[int, int]) -> int:
    """Return how many values a node stands for; an alias counts as what it repeats."""
    if id(node) not in sizes:
        sizes[id(node)] = 1  # what an alias inside itself counts as
        parts = node.value if isinstance(node, yaml.CollectionNode) else []
        if isinstance(node, yaml.MappingNode):
            parts = [part for pair in parts for part in pair]
        sizes[id(node)] += sum(_size(part, sizes) for part in parts)
    return sizes[id(node)]


def _twice(node: yaml.Node, path: str, seen: set[int], problems: list[str]) -> None:
    if id(node) in seen:
        return
    seen.add(id(node))
    if isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            _twice(item, f"{path}[{index}]", seen, problems)
    if not isinstance(node, yaml.MappingNode):
        return
    lines: dict[tuple[str, str], list[int]] = {}
    for key, value in node.value:
        here = f"{path}.{key.value}" if path else str(key.value)
        if isinstance(key, yaml.ScalarNode):
            lines.setdefault((key.tag, here), []).append(key.start_mark.line + 1)
        _twice(value, here, seen, problems)
    for (_, here), at in lines.items():
        if len(at) > 1:
            times = "twice" if len(at) == 2 else f"{len(at)} times"
            listed = f"{', '.join(map(str, at[:-1]))} and {at[-1]}"
            problems.append(f"{here}: given {times}, lines {listed}")


def _missing(path: Path) -> str:
    # A name typed without its folder is most likely meant from configs/.
    folders = dict.fromkeys([path.parent, Path("configs")])
    configs = {
        file.stem: file
        for folder in reversed(folders)
        if folder.is_dir()
        for file in sorted(folder.iterdir())
        if file.suffix in (".yaml", ".yml")
    }
    guess = registry.nearest(path.stem, configs)
    hint = f"did you mean {configs[guess]}?" if guess else "there is no config of a similar name"
    return f"{path}: no such config; {hint}"
