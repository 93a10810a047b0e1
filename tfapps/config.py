"""One YAML file = one run: typed, strict, and checked whole before anything heavy is loaded."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

import yaml
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SerializeAsAny,
    ValidationError,
    ValidationInfo,
    field_validator,
)

from tfapps import _problems, _together, _yaml, registry
from tfapps.errors import ConfigError, InputError

_NAME = re.compile(r"[A-Za-z0-9_-]{1,128}")


class Section(BaseModel):
    """Base of every plug-in's Config: unknown keys and wrong types are problems, never guesses.

    Example: `class Config(Section): name: str = "lora"; rank: int = Field(8, ge=1)`.
    """

    # protected_namespaces: plug-ins may well call a field `model_...`.
    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        strict=True,
        allow_inf_nan=False,
        validate_default=True,
        protected_namespaces=(),
    )

    @field_validator("*", mode="before")
    @classmethod
    def _as_yaml_meant(cls, value: Any, info: ValidationInfo) -> Any:
        field = cls.model_fields[str(info.field_name)]
        return _problems.as_meant(value, field.annotation)


class TextConfig(Section):
    """How strings become ids; `auto` is the preset's own tokenizer, else WordPiece."""

    tokenizer: Literal["auto", "preset", "wordpiece", "words", "characters", "bpe"] = "auto"
    vocabulary_size: int = Field(8000, ge=16, le=10_000_000)
    lowercase: bool | None = None  # null keeps the case for bpe, and for no other
    min_frequency: int = Field(2, ge=1)


class TrainConfig(Section):
    """How a model is fitted."""

    epochs: int = Field(3, ge=1, le=1_000_000)
    batch_size: int = Field(32, ge=1, le=1_000_000)
    batch_tokens: int | None = Field(None, ge=1, le=10**9)  # padding counted; replaces batch_size
    learning_rate: float = Field(5e-5, gt=0)
    head_learning_rate: float | None = Field(None, gt=0)
    optimizer: Literal["adamw", "lamb"] = "adamw"
    schedule: Literal["linear", "cosine", "constant"] = "linear"
    warmup: float = Field(0.1, ge=0, le=1)  # fraction of all steps
    weight_decay: float = Field(0.01, ge=0)
    clip_norm: float | None = Field(1.0, gt=0)
    label_smoothing: float = Field(0.0, ge=0, lt=1)
    l2: float = Field(0.0, ge=0)
    class_weights: Literal["none", "balanced"] = "none"
    accumulate: int = Field(1, ge=1, le=1_000_000)
    short_first: int | None = Field(None, ge=8)  # of running text: tokens of the first rows
    short_share: float = Field(0.9, gt=0, lt=1)  # of all epochs, those on such rows
    evaluate_every: int | None = Field(None, ge=1)  # steps; at the end of an epoch in any case
    patience: int | None = Field(None, ge=1)  # evaluations without a better headline metric
    average: int = Field(1, ge=1, le=100)  # best evaluations to average, if their mean is better
    precision: Literal["float32", "mixed_bfloat16", "mixed_float16"] = "float32"
    strategy: Literal["auto", "one_device", "mirrored"] = "auto"
    log_every: int = Field(20, ge=1)  # steps


class RunConfig(Section):
    """A whole run; every section but text and train is an instance of its plug-in's Config."""

    name: str
    seed: int = Field(13, ge=0, lt=2**32)
    task: SerializeAsAny[Section]
    data: SerializeAsAny[Section]
    model: SerializeAsAny[Section]
    text: TextConfig = TextConfig()
    train: TrainConfig = TrainConfig()
    tuning: SerializeAsAny[Section]
    objective: SerializeAsAny[Section]
    compress: list[SerializeAsAny[Section]] = []
    export: list[str] = []


def load(path: str | Path, overrides: Sequence[str] = ()) -> RunConfig:
    """Read, override and check a config file.

    Raises: ConfigError with every problem of the file and of the overrides.
    Example: `load("configs/intents.yaml", ["train.epochs=2", "compress=[]"])`.
    """
    path = Path(path)
    problems: list[str] = []
    raw: dict[Any, Any] | None = None
    try:
        raw = _yaml.read(path)
    except ConfigError as error:
        problems.extend(error.problems)
    overridden = _yaml.override(raw or {}, overrides, problems)
    if raw is None:
        raise ConfigError(problems)
    default_name = path.stem if path.suffix in (".yaml", ".yml") else path.name
    return _Checker(problems).run(overridden, default_name)


def from_dict(raw: dict[str, Any], default_name: str) -> RunConfig:
    """Check a config that is already in memory.

    Raises: ConfigError with every problem of every section.
    """
    return _Checker([]).run(raw, default_name)


def options(section: type[Section], given: Sequence[str], path: str) -> Section:
    """A plug-in's Config from `key=value` texts alone.

    Raises: ConfigError with every problem of them.
    """
    checker = _Checker([])
    found = checker.section(section, _yaml.override({}, given, checker.problems), path)
    if checker.problems:
        raise ConfigError(checker.problems)
    return found


def dump(config: RunConfig) -> str:
    """YAML with every default spelt out; it loads back to an equal config."""
    plain = config.model_dump(mode="json")
    return yaml.safe_dump(plain, sort_keys=False, allow_unicode=True)


class _Checker:
    """Checks section by section and goes on after a problem, so that one run shows them all."""

    def __init__(self, problems: list[str]) -> None:
        self.problems = problems

    def run(self, raw: Any, default_name: str) -> RunConfig:
        if not isinstance(raw, dict):
            raise ConfigError(
                [*self.problems, f"config: got {_yaml.show(raw)}, expected a mapping"]
            )
        known = list(RunConfig.model_fields)
        self.problems += [_problems.unknown_key((), key, known) for key in raw if key not in known]
        task, task_module = self._plugin("task", raw.get("task"), "task")
        model, model_module = self._plugin("model", raw.get("model"), "model")
        built: dict[str, Any] = {
            "name": self._name(raw, default_name),
            "seed": self._seed(raw),
            "task": task,
            "data": self._plugin("source", raw.get("data"), "data", key="source")[0],
            "model": model,
            "text": self.section(TextConfig, raw.get("text"), "text"),
            "train": self.section(TrainConfig, raw.get("train"), "train"),
        }
        built["tuning"], tuner_module = self._plugin(
            "tuner", raw.get("tuning"), "tuning", default="full"
        )
        built["objective"], objective_module = self._plugin(
            "objective", raw.get("objective"), "objective", default="plain"
        )
        built["compress"] = self._compressors(raw)
        built["export"] = self._each(raw, "export", self._artifact)
        if task_module and model_module:
            self.problems += _together.model(task_module, model_module)
            self.problems += _together.artifacts(task_module, built["export"], built["compress"])
        if task_module and built["train"]:
            self.problems += _together.class_weights(task_module, built["train"])
        if task_module and model and built["train"]:
            self.problems += _together.short_first(task_module, model, built["train"])
        if model and built["tuning"]:
            self.problems += _together.delta(model, built["tuning"])
        for section, module in (("objective", objective_module), ("tuning", tuner_module)):
            if task_module and module:
                self.problems += _together.form(section, module, task_module)
        if self.problems:
            raise ConfigError(self.problems)
        return RunConfig(**built)

    def _name(self, raw: dict[Any, Any], default_name: str) -> str:
        given = raw.get("name")
        name = default_name if given is None else given
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            hint = "" if given is not None else "; it comes from the file's name, set name: instead"
            self.problems.append(
                f"name: got {_yaml.show(name)}, expected letters, digits, '_' and '-' "
                f"(1 to 128 of them){hint}"
            )
        return str(name)

    def _seed(self, raw: dict[Any, Any]) -> int:
        field = RunConfig.model_fields["seed"]
        seed = field.default if raw.get("seed") is None else raw["seed"]
        if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed < 2**32:
            expected = _problems.expected(field.annotation, field.metadata)
            self.problems.append(f"seed: got {_yaml.show(seed)}, expected {expected}")
        return seed

    def section(self, section: type[Section], raw: Any, path: str) -> Section | None:
        if raw is None:
            raw = {}
        if not isinstance(raw, dict):
            self.problems.append(f"{path}: got {_yaml.show(raw)}, expected a mapping")
            return None
        odd = [key for key in raw if not isinstance(key, str)]
        known = list(section.model_fields)
        self.problems += [_problems.unknown_key((path,), key, known) for key in odd]
        try:
            return section(**{key: value for key, value in raw.items() if key not in odd})
        except ValidationError as error:
            self.problems += _problems.explain(error, section, path)
            return None

    def _plugin(
        self, kind: str, raw: Any, path: str, *, key: str = "name", default: str | None = None
    ) -> tuple[Section | None, ModuleType | None]:
        there = registry.names(kind)
        choices = f"one of {', '.join(there)}" if there else f"the name of a {kind}"
        if raw is None and default is not None:
            raw = {key: default}
        if raw is None:
            self.problems.append(f"{path}: missing; expected a mapping with {key!r}, {choices}")
        elif not isinstance(raw, dict):
            self.problems.append(
                f"{path}: got {_yaml.show(raw)}, expected a mapping with {key!r}, {choices}"
            )
        elif key not in raw:
            self.problems.append(f"{path}.{key}: missing; expected {choices}")
        elif not isinstance(raw[key], str):
            self.problems.append(f"{path}.{key}: got {_yaml.show(raw[key])}, expected {choices}")
        else:
            try:
                module = registry.load(kind, raw[key])
            except InputError as error:
                self.problems.append(f"{path}.{key}: {error}")
                return None, None
            return self.section(module.Config, raw, path), module
        return None, None

    def _each(self, raw: dict[Any, Any], key: str, check: Callable[[Any, str], Any]) -> list[Any]:
        items = raw.get(key)
        if items is None:
            items = []
        if not isinstance(items, list | tuple):
            self.problems.append(f"{key}: got {_yaml.show(items)}, expected a list")
            return []
        checked = [check(item, f"{key}[{index}]") for index, item in enumerate(items)]
        if key == "export":
            twice = sorted({item for item in checked if item and checked.count(item) > 1})
            self.problems += [f"export: {item!r} given twice; once is enough" for item in twice]
        return checked

    def _compressors(self, raw: dict[Any, Any]) -> list[Any]:
        """The list, each item right by itself and in a place that makes sense."""
        items = self._each(
            raw, "compress", lambda item, path: self._plugin("compressor", item, path)
        )
        self.problems += _together.compressors([module for _, module in items])
        return [section for section, _ in items]

    def _artifact(self, item: Any, path: str) -> str | None:
        there = registry.artifacts()
        if item == "keras":
            self.problems.append(f"{path}: 'keras' is in every bundle; leave it out")
        elif not isinstance(item, str):
            self.problems.append(
                f"{path}: got {_yaml.show(item)}, expected one of {', '.join(there)}"
            )
        elif item not in there:
            self.problems.append(f"{path}: {registry.unknown('artefact', item, there)}")
        else:
            return item
        return None
