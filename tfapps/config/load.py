"""One YAML file = one run: typed, strict, and checked whole before anything heavy is loaded."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import yaml
from pydantic import ValidationError

from tfapps import registry
from tfapps.config import defaults, limits, messages, strict_yaml, together
from tfapps.config import space as spaces
from tfapps.config.sections import OPTIONAL, RunConfig, Section, TextConfig, TrainConfig
from tfapps.config.strict_yaml import show
from tfapps.errors import ConfigError, InputError

_NAME = re.compile(r"[A-Za-z0-9_-]{1,128}")


def load(path: str | Path, overrides: Sequence[str] = ()) -> RunConfig:
    """Read, override and check a config file.

    Raises: ConfigError with every problem of the file and of the overrides.
    Example: `load("configs/intents.yaml", ["train.epochs=2", "compress=[]"])`.
    """
    path = Path(path)
    problems: list[str] = []
    raw: dict[Any, Any] | None = None
    try:
        raw = strict_yaml.read(path)
    except ConfigError as error:
        problems.extend(error.problems)
    overridden = strict_yaml.override(raw or {}, overrides, problems)
    if raw is None:
        raise ConfigError(problems)
    return _Checker(problems).run(overridden, _default_name(path))


def variants(
    path: str | Path, overrides: Sequence[str] = ()
) -> Callable[[Mapping[str, Any]], RunConfig]:
    """Return what makes a config file's run with other values: {dotted key: value} -> RunConfig.

    The file is read once, so that a change of it while a search is on changes nothing.
    Raises: ConfigError for a file or overrides that cannot be read; the function, for values.
    """
    problems: list[str] = []
    raw = strict_yaml.override(strict_yaml.read(Path(path)), overrides, problems)
    if problems:
        raise ConfigError(problems)
    raw = {key: value for key, value in raw.items() if key != "search"}
    name = _default_name(Path(path))
    return lambda values: from_dict(spaces.changed(raw, values), name)


def from_dict(raw: dict[str, Any], default_name: str) -> RunConfig:
    """Check a config that is already in memory.

    Raises: ConfigError with every problem of every section.
    """
    return _Checker([]).run(raw, default_name)


def of_python(config: str | Path | Mapping[str, Any], overrides: Mapping[str, Any]) -> RunConfig:
    """Check a config file, or its content as a dictionary, with other values.

    Args:
        overrides: values by key; a mapping changes only the keys it names.

    Raises: ConfigError with every problem of the config.
    Example: `of_python("intents.yaml", {"train": {"epochs": 2}, "export": []})`.
    """
    if isinstance(config, Mapping):
        raw = _merged(config, overrides)
        if raw.get("name") is None:
            raise ConfigError(["name: missing; a config that is no file must state its name"])
        return from_dict(raw, "")
    path = Path(config)
    return from_dict(_merged(strict_yaml.read(path), overrides), _default_name(path))


def _merged(raw: Mapping[Any, Any], changes: Mapping[str, Any]) -> dict[Any, Any]:
    """Return a copy of `raw` in which a mapping of `changes` changes only the keys it names."""
    merged = dict(raw)
    for key, value in changes.items():
        both = isinstance(merged.get(key), Mapping) and isinstance(value, Mapping)
        merged[key] = _merged(merged[key], value) if both else value
    return merged


def options(section: type[Section], texts: Sequence[str], path: str) -> Section:
    """Return a plug-in's Config from `key=value` texts alone.

    Raises: ConfigError with every problem of them.
    """
    checker = _Checker([])
    built = checker.section(section, strict_yaml.override({}, texts, checker.problems), path)
    if checker.problems:
        raise ConfigError(checker.problems)
    return built


def dump(config: RunConfig) -> str:
    """Return YAML with all defaults but those of `ADDED`; it loads to an equal config."""
    plain = config.model_dump(mode="json")
    return yaml.safe_dump(plain, sort_keys=False, allow_unicode=True)


def _default_name(path: Path) -> str:
    return path.stem if path.suffix in (".yaml", ".yml") else path.name


class _Checker:
    """Checks section by section and goes on after a problem, so that one run shows them all."""

    def __init__(self, problems: list[str]) -> None:
        self.problems = problems

    def run(self, raw: Any, default_name: str) -> RunConfig:
        if not isinstance(raw, dict):
            raise ConfigError([*self.problems, f"config: got {show(raw)}, expected a mapping"])
        known = list(RunConfig.model_fields)
        self.problems += [messages.unknown_key((), key, known) for key in raw if key not in known]
        task, task_module = self._plugin("task", raw.get("task"), "task")
        model, model_module = self._plugin("model", raw.get("model"), "model")
        built: dict[str, Any] = {
            "name": self._name(raw, default_name),
            "seed": self._single(raw, "seed"),
            "split_seed": self._single(raw, "split_seed"),
            "task": task,
            "data": self._plugin("source", raw.get("data"), "data", key="source")[0],
            "model": model,
            "text": self.section(TextConfig, raw.get("text"), "text"),
            "train": self.section(TrainConfig, raw.get("train"), "train"),
        }
        built["tuning"], tuner_module = self._plugin(
            "tuner", raw.get("tuning"), "tuning", default="full"
        )
        built["train"] = defaults.training(built["train"], model, model_module, tuner_module)
        built["objective"], objective_module = self._plugin(
            "objective", raw.get("objective"), "objective", default="plain"
        )
        built["ensemble"] = ensemble_module = None
        for key, section in OPTIONAL.items():
            built[key] = None if raw.get(key) is None else self.section(section, raw[key], key)
        if raw.get("ensemble") is not None:
            built["ensemble"], ensemble_module = self._plugin(
                "ensemble", raw["ensemble"], "ensemble"
            )
        built["compress"], compressors = self._compressors(raw)
        built["export"] = self._each(raw, "export", self._artifact)
        if raw.get("export") is None:
            built["export"] = defaults.export(task_module, built["compress"])
        built["lengths"] = self._each(raw, "lengths", self._length)
        built["probabilities"] = self._single(raw, "probabilities")
        modules = {"task": task_module, "model": model_module, "ensemble": ensemble_module}
        modules |= {"objective": objective_module, "tuning": tuner_module}
        self.problems += together.problems(built, modules, compressors)
        self.problems += limits.problems(raw.get("verify"), built["export"], ensemble_module)
        built["search"] = self._search(raw, default_name, built["train"])
        if self.problems:
            raise ConfigError(self.problems)
        return RunConfig(**built)

    def _name(self, raw: dict[Any, Any], default_name: str) -> str:
        entry = raw.get("name")
        name = default_name if entry is None else entry
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            hint = "" if entry is not None else "; it comes from the file's name, set name: instead"
            self.problems.append(
                f"name: got {show(name)}, expected letters, digits, '_' and '-' "
                f"(1 to 128 of them){hint}"
            )
        return str(name)

    def _single(self, raw: dict[Any, Any], key: str) -> Any:
        """Return a seed or a flag."""
        field, value = RunConfig.model_fields[key], raw.get(key)
        if value is None:
            return field.default
        is_seed = type(value) is int and 0 <= value < 2**32
        if not (type(value) is bool if field.annotation is bool else is_seed):
            expected = messages.expected(field.annotation, field.metadata)
            self.problems.append(f"{key}: got {show(value)}, expected {expected}")
        return value

    def section(self, section: type[Section], raw: Any, path: str) -> Section | None:
        if raw is None:
            raw = {}
        if not isinstance(raw, dict):
            self.problems.append(f"{path}: got {show(raw)}, expected a mapping")
            return None
        odd = [key for key in raw if not isinstance(key, str)]
        known = list(section.model_fields)
        self.problems += [messages.unknown_key((path,), key, known) for key in odd]
        try:
            return section(**{key: value for key, value in raw.items() if key not in odd})
        except ValidationError as error:
            self.problems += messages.explain(error, section, path)
            return None

    def _plugin(
        self, kind: str, raw: Any, path: str, *, key: str = "name", default: str | None = None
    ) -> tuple[Section | None, ModuleType | None]:
        known = registry.names(kind)
        choices = f"one of {', '.join(known)}" if known else f"the name of a {kind}"
        if raw is None and default is not None:
            raw = {key: default}
        if raw is None:
            self.problems.append(f"{path}: missing; expected a mapping with {key!r}, {choices}")
        elif not isinstance(raw, dict):
            self.problems.append(
                f"{path}: got {show(raw)}, expected a mapping with {key!r}, {choices}"
            )
        elif key not in raw:
            self.problems.append(f"{path}.{key}: missing; expected {choices}")
        elif not isinstance(raw[key], str):
            self.problems.append(f"{path}.{key}: got {show(raw[key])}, expected {choices}")
        else:
            try:
                module = registry.load(kind, raw[key])
            except InputError as error:
                self.problems.append(f"{path}.{key}: {error}")
                return None, None
            return self.section(module.Config, raw, path), module
        return None, None

    def _search(self, raw: dict[Any, Any], default_name: str, train: Any) -> Section | None:
        """Check the search last, so that the config's problems are not repeated for each value."""
        raw_search = raw.get("search")
        if raw_search is None:
            return None
        section, module = self._plugin("search", raw_search, "search")
        rest = {key: value for key, value in raw.items() if key != "search"}
        known = list(self.problems)

        def check(values: Mapping[str, Any]) -> list[str]:
            try:
                _Checker([]).run(spaces.changed(rest, values), default_name)
            except ConfigError as error:
                return [problem for problem in error.problems if problem not in known]
            return []

        space = raw_search.get("space") if isinstance(raw_search, dict) else None
        if isinstance(space, dict):
            self.problems += spaces.problems(space, check)
        if section and module and train:
            self.problems += registry.class_of(module).problems(section, train)
        return section

    def _each(self, raw: dict[Any, Any], key: str, check: Callable[[Any, str], Any]) -> list[Any]:
        items = raw.get(key)
        if items is None:
            items = []
        if not isinstance(items, list | tuple):
            self.problems.append(f"{key}: got {show(items)}, expected a list")
            return []
        checked = [check(item, f"{key}[{index}]") for index, item in enumerate(items)]
        if key in ("export", "lengths"):
            twice = sorted({item for item in checked if item and checked.count(item) > 1})
            self.problems += [f"{key}: {item!r} given twice; once is enough" for item in twice]
        return checked

    def _length(self, item: Any, path: str) -> int | None:
        if isinstance(item, int) and not isinstance(item, bool) and item >= 2:
            return item
        self.problems.append(f"{path}: got {show(item)}, expected an integer of at least 2")
        return None

    def _compressors(self, raw: dict[Any, Any]) -> tuple[list[Any], dict[str, ModuleType | None]]:
        """Check each compressor and their order; return the sections and their modules."""
        items = self._each(
            raw, "compress", lambda item, path: self._plugin("compressor", item, path)
        )
        self.problems += together.compressors([module for _, module in items])
        modules = {f"compress[{index}]": module for index, (_, module) in enumerate(items)}
        return [section for section, _ in items], modules

    def _artifact(self, item: Any, path: str) -> str | None:
        known = registry.artifacts()
        if item == "keras":
            self.problems.append(f"{path}: 'keras' is in every bundle; leave it out")
        elif not isinstance(item, str):
            self.problems.append(f"{path}: got {show(item)}, expected one of {', '.join(known)}")
        elif item not in known:
            self.problems.append(f"{path}: {registry.unknown('artefact', item, known)}")
        else:
            return item
        return None
