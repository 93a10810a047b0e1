"""The sections of a config: what may stand in them, typed and strict."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Annotated, Any, ClassVar, Literal, NamedTuple

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SerializeAsAny,
    ValidationInfo,
    field_validator,
    model_validator,
)

from tfapps.config import messages
from tfapps.config.effects import LOGGED
from tfapps.config.strict_yaml import show


class Section(BaseModel):
    """Base of every plug-in's Config: unknown keys and wrong types are problems, never guesses.

    Example: `class Config(Section): name: str = "lora"; rank: int = Field(8, ge=1)`.
    """

    # Options of the smallest plug-in that does its work: for tests that run every one.
    tiny: ClassVar[Mapping[str, Any]] = MappingProxyType({})

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
        return messages.as_meant(value, field.annotation)


def _unset(value: Any) -> bool:
    return value in (None, False, [])


# Marks a field that older versions did not have: while it is unset, no dump of a config holds it,
# so that fingerprints of runs that older versions finished stay valid.
ADDED = Field(exclude_if=_unset)


class TextConfig(Section):
    """How strings become ids; `auto` is the preset's own tokenizer, else WordPiece."""

    tokenizer: Literal["auto", "preset", "wordpiece", "words", "characters", "bpe"] = "auto"
    vocabulary_size: int = Field(8000, ge=16, le=10_000_000)
    lowercase: bool | None = None  # null keeps the case for bpe, and for no other
    strip_accents: Annotated[bool, ADDED] = False  # and vowel signs; presets know it of themselves
    min_frequency: int = Field(2, ge=1)


class TrainConfig(Section):
    """How a model is fitted."""

    epochs: int = Field(3, ge=0, le=1_000_000)  # 0 where the task sets its head by itself
    batch_size: int = Field(32, ge=1, le=1_000_000)
    per_label: int | None = Field(None, ge=2)  # rows of a label that come together in a batch
    batch_tokens: int | None = Field(None, ge=1, le=10**9)  # padding counted; replaces batch_size
    learning_rate: float = Field(5e-5, gt=0)
    head_learning_rate: float | None = Field(None, gt=0)
    optimizer: Literal["adamw", "lamb", "muon"] = "adamw"
    schedule: Literal["linear", "cosine", "constant"] = "linear"
    warmup: float = Field(0.1, ge=0, le=1)  # fraction of all steps
    weight_decay: float = Field(0.01, ge=0)
    clip_norm: float | None = Field(1.0, gt=0)
    label_smoothing: float = Field(0.0, ge=0, lt=1)
    l2: float = Field(0.0, ge=0)
    class_weights: Literal["none", "balanced"] = "none"
    order_seed: int | None = Field(None, ge=0, lt=2**32)  # of the rows' order; null is the run's
    accumulate: int = Field(1, ge=1, le=1_000_000)
    short_first: int | None = Field(None, ge=8)  # of running text: tokens of the first rows
    short_share: float = Field(0.9, gt=0, lt=1)  # of all epochs, those on such rows
    evaluate_every: int | None = Field(None, ge=1)  # steps; at the end of an epoch in any case
    patience: int | None = Field(None, ge=1)  # evaluations without a better headline metric
    ema: float | None = Field(None, gt=0, lt=1)  # decay of averaged weights, from step to step
    swa: float | None = Field(None, ge=0, lt=1)  # share of the epochs before those averaged
    average: int = Field(1, ge=1, le=100)  # best evaluations to average, if their mean is better
    precision: Literal["float32", "mixed_bfloat16", "mixed_float16"] = "float32"
    strategy: Literal["auto", "one_device", "mirrored", "multi_worker"] = "auto"
    retries: int = Field(0, ge=0, le=10)  # at half the learning rate, where the loss is NaN
    # Seconds; a killed run is resumed from the last checkpoint.
    checkpoint_every: Annotated[int, LOGGED] = Field(300, ge=0)
    log_every: Annotated[int, LOGGED] = Field(20, ge=1)  # steps
    # Of every weight, in TensorBoard, at every evaluation.
    histograms: Annotated[bool, ADDED, LOGGED] = False

    @model_validator(mode="after")
    def _one_mean(self) -> TrainConfig:
        if self.ema is not None and self.swa is not None:
            raise ValueError("got both ema and swa, expected one of them")
        return self


class DrawConfig(Section):
    """Which training rows a member of an ensemble learns from; exactly one way is given.

    Attributes:
        bootstrap: number of a sample with replacement, as large as all rows.
        leave: number of the part that is left out, `of` so many.
        file: JSON list of row numbers.
    """

    bootstrap: int | None = Field(None, ge=0)
    leave: int | None = Field(None, ge=0)
    of: int | None = Field(None, ge=2)
    file: str | None = None
    seed: int = Field(13, ge=0)

    @model_validator(mode="after")
    def _one_way(self) -> DrawConfig:
        ways = [n for n in ("bootstrap", "leave", "file") if getattr(self, n) is not None]
        if len(ways) != 1:
            raise ValueError(
                f"got {' and '.join(ways) or 'nothing'}, expected one of bootstrap, leave and file"
            )
        if self.leave is not None and (self.of is None or self.leave >= self.of):
            raise ValueError(f"leave: got {self.leave} of {self.of}, expected less than of")
        return self


class GateConfig(Section):
    """What an exported file may lose, weigh and take to be recommended.

    Attributes:
        max_drop: of the headline metric on dev, against the model before compression; a share of
            its best value, which is 100 for BLEU. None is 0.02, or a single dev row if that is
            more.
        max_mb: millions of bytes of the file.
        max_ms: median latency of a text, as the machine that runs verify measures it.
    """

    max_drop: float | None = Field(None, ge=0, le=1)
    max_mb: float | None = Field(None, gt=0)
    max_ms: float | None = Field(None, gt=0)


Limits = float | dict[str, float]  # for every exported file, or by the name of an artefact


class VerifyConfig(Section):
    """What exported files must keep to: a run whose files do not ends with exit code 1.

    Each limit is a number for every file of `export:`, or a mapping from artefacts to numbers.

    Attributes:
        max_loss: of the headline metric on dev, against the model before compression, 0 to 1; a
            share of its best value, which is 100 for BLEU.
        min_agreement: share of dev rows that get the decision of the Keras model, 0 to 1.
        max_mb: millions of bytes of the file.
        max_ms: median latency of a text, as the machine that runs verify measures it.
    """

    shares: ClassVar[tuple[str, ...]] = ("max_loss", "min_agreement")

    max_loss: Limits | None = None
    min_agreement: Limits | None = None
    max_mb: Limits | None = None
    max_ms: Limits | None = None

    @field_validator("*", mode="before")
    @classmethod
    def _in_range(cls, value: Any, info: ValidationInfo) -> Any:
        value = messages.as_meant(value, Limits)
        share = info.field_name in cls.shares
        expected = f"expected a number {'from 0 to 1' if share else 'above 0'}"
        wrong = [
            f"{name}got {show(number)}, {expected}"
            for name, number in _numbers(value).items()
            if not _is_number(number) or not (0 <= number <= 1 if share else number > 0)
        ]
        if isinstance(value, dict):
            odd = [show(name) for name in value if not isinstance(name, str)]
            wrong += [f"got the key {name}, expected the name of an artefact" for name in odd]
        if value == {}:
            wrong.append(f"got {{}}, {expected}, or such numbers by the name of an artefact")
        if wrong:
            raise ValueError("; ".join(wrong))
        return value

    def limits(self, exported: Sequence[str]) -> dict[str, dict[str, float]]:
        """Return {artefact: {key: limit}} of the exported artefacts that have limits."""
        by_name: dict[str, dict[str, float]] = {}
        for key, value in self:
            for name in exported:
                limit = value.get(name) if isinstance(value, dict) else value
                if limit is not None:
                    by_name.setdefault(name, {})[key] = limit
        return by_name


def _numbers(value: Any) -> dict[str, Any]:
    """Return {start of a message: number} of a limit; empty for what is not a limit at all."""
    if isinstance(value, dict):
        return {f"{name}: ": number for name, number in value.items()}
    return {"": value} if _is_number(value) else {}


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


# Sections of no plug-in that a config may leave out.
OPTIONAL = {"draw": DrawConfig, "gate": GateConfig, "verify": VerifyConfig}


class DataOptions(NamedTuple):
    """Defaults of the options of `data:` that a source may not have.

    Attributes:
        root: folder of the files; None is $TFAPPS_DATA, then here.
        sample: an embedded data set.
        text_pair: the column of second texts.
        limit: rows of the training split.
        shots: training rows of each label.
        encoding: of files of text; None is UTF-8.
    """

    root: str | None = None
    sample: str | None = None
    text_pair: str | None = None
    limit: int | None = None
    shots: int | None = None
    encoding: str | None = None

    @classmethod
    def of(cls, data: Section) -> DataOptions:
        """Return those of a section, with defaults for what its source does not have."""
        return cls(**{name: value for name, value in data if name in cls._fields})


class RunConfig(Section):
    """A whole run; every section but text and train is an instance of its plug-in's Config."""

    name: Annotated[str, LOGGED]
    seed: int = Field(13, ge=0, lt=2**32)
    # Of draws of rows, which are hashed themselves; null is the seed.
    split_seed: Annotated[int | None, ADDED, LOGGED] = Field(None, ge=0, lt=2**32)
    task: SerializeAsAny[Section]
    data: SerializeAsAny[Section]
    model: SerializeAsAny[Section]
    text: TextConfig = TextConfig()
    train: TrainConfig = TrainConfig()
    tuning: SerializeAsAny[Section]
    objective: SerializeAsAny[Section]
    draw: DrawConfig | None = None
    ensemble: SerializeAsAny[Section] | None = None
    compress: Annotated[list[SerializeAsAny[Section]], LOGGED] = []
    # A file without `export:` has those of `config.defaults`; the default here is for fingerprints.
    export: Annotated[list[str], LOGGED] = []
    # Below model.max_length: LiteRT files answer short texts sooner.
    lengths: Annotated[list[int], ADDED, LOGGED] = []
    # Of the file to ship; a run fails if no file is within a gate that its config states.
    gate: Annotated[GateConfig | None, ADDED, LOGGED] = None
    # A run fails if a file does not keep to it.
    verify: Annotated[VerifyConfig | None, ADDED, LOGGED] = None
    # Files give `probabilities` beside the logits.
    probabilities: Annotated[bool, ADDED, LOGGED] = False
    # Read by `tfapps tune` alone.
    search: Annotated[SerializeAsAny[Section] | None, ADDED, LOGGED] = None

    @property
    def data_options(self) -> DataOptions:
        """Return the options of `data` that not every source has."""
        return DataOptions.of(self.data)

    @property
    def rows_seed(self) -> int:
        """Return the seed of `data.limit`, `data.shots` and a dev set split off from train."""
        return self.seed if self.split_seed is None else self.split_seed
