"""Pairs of sentences in two languages: parallel files, a table, a data set or a sample."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from pydantic import Field, field_validator, model_validator

from tfapps.config import paths
from tfapps.data import files
from tfapps.data.limits import Limit
from tfapps.data.sources import _examples, _options, _records, _samples, _tables, _tfds, base
from tfapps.errors import InputError


class Config(_options.Encoded):
    """The two languages, from and to, and where their sentences are.

    A split is the prefix of two files (`x/train` means `x/train.de` and `x/train.en`), a file of
    records with a column for each language, or the name of a split of `dataset` or of `sample`.
    """

    source: str = "parallel"
    languages: list[str]
    root: str | None = None
    dataset: str | None = None  # of TensorFlow Datasets
    data_dir: str | None = None
    sample: str | None = None
    train: str = "train"
    dev: str | _examples.Fraction = "dev"
    test: str | _examples.Fraction | None = None
    limit: Limit = None
    # Of train only. Words are what blanks separate, a ratio is that of the longer side's words.
    min_words: int = Field(1, ge=1)
    max_words: int | None = Field(None, ge=1)
    max_ratio: float | None = Field(None, ge=1)

    @model_validator(mode="before")
    @classmethod
    def _splits(cls, options: Any) -> Any:
        return _options.default_splits_of_file(options, _records.ENDINGS)

    @field_validator("languages")
    @classmethod
    def _two(cls, languages: list[str]) -> list[str]:
        if len(languages) != 2 or len({*languages, ""}) != 3:
            raise ValueError(
                f"got {languages}, expected two different names, from and to, such as [de, en]"
            )
        return languages

    @model_validator(mode="after")
    def _one_place(self) -> Config:
        if self.dataset is not None and self.sample is not None:
            raise ValueError(
                f"got both dataset {self.dataset!r} and sample {self.sample!r}, expected one"
            )
        return self


def read(config: Config, split: str) -> list[_examples.Example]:
    """Return the pairs of train, dev or test.

    Raises:
        InputError: the data is not there, is not in pairs, or the filters leave none of it.
    """
    if config.dataset is not None:
        pairs = _stored(config, _examples.named(config, split, "the name of a split"))
    elif config.sample is not None:
        name = _examples.named(config, split, "the name of a split")
        with _samples.file(config.sample, name) as path:
            pairs = _table(config, path, labelled=True)
    else:
        name = _examples.named(config, split, "a file prefix, or a file of records")
        pairs = _from_files(config, name, here_first=False, labelled=True)
        if pairs[0]["target"] is None:
            first, second = config.languages
            raise InputError(
                f"data.{split}: {name}.{first} has no {name}.{second} beside it, expected both "
                f"(.gz or .zst may follow)"
            )
    return _filtered(config, split, pairs)


def read_file(config: Config, path: str | Path, labelled: bool = True) -> list[_examples.Example]:
    """Return the pairs of a prefix or a file of records; the target may be None."""
    return _from_files(config, str(path), here_first=True, labelled=labelled)


def _from_files(
    config: Config, name: str, here_first: bool, labelled: bool
) -> list[_examples.Example]:
    plain = files.plain_name(name)
    if Path(plain).suffix.removeprefix(".") in _records.ENDINGS:
        return _table(config, paths.locate(name, config.root, here_first), labelled)
    first, second = (f".{language}" for language in config.languages)
    if plain.endswith((first, second)):
        prefix_of_both = plain.rpartition(".")[0]
        raise InputError(f"{name}: one side of the pairs, expected {prefix_of_both} for both sides")
    path = paths.locate(name + first, config.root, here_first, files.ENDINGS)
    prefix = files.plain_name(str(path)).removesuffix(first)
    candidates = [Path(f"{prefix}{second}{ending}") for ending in files.ENDINGS]
    target_path = next((place for place in candidates if labelled and place.is_file()), None)
    sources = files.read_lines(path, config.encoding)
    _check_filled(path, sources)
    if target_path is None:
        return [{"text": line, "target": None} for line in sources]
    targets = files.read_lines(target_path, config.encoding)
    if len(sources) != len(targets):
        raise InputError(
            f"{path} has {len(sources)} lines, {target_path} {len(targets)}; expected as many, "
            f"line by line the same sentence"
        )
    _check_filled(target_path, targets)
    return [{"text": a, "target": b} for a, b in zip(sources, targets, strict=True)]


def _check_filled(path: Path, lines: list[str]) -> None:
    for number, line in enumerate(lines, 1):
        if not line.strip():
            raise InputError(f"{path}:{number}: empty line; fill it, or drop it on both sides")


def _table(config: Config, path: Path, labelled: bool) -> list[_examples.Example]:
    """Return the pairs of a file of records with a column for each language."""
    columns_wanted = config.languages if labelled else config.languages[:1]
    form = _records.form_of(str(path))._replace(encoding=config.encoding, settable=True)
    pairs: list[_examples.Example] = []
    for place, fields in _records.read(path, form, columns_wanted):
        texts = [_examples.text(place, fields, column) for column in columns_wanted]
        for column, text in zip(columns_wanted, texts, strict=True):
            if not text.strip():
                raise InputError(f"{place}: empty {column}; fill it or drop the row")
        pairs.append({"text": texts[0], "target": texts[1] if labelled else None})
    return pairs


def _stored(config: Config, split: str) -> list[_examples.Example]:
    """Return the pairs of a TensorFlow data set."""
    dataset = str(config.dataset)
    first, second = config.languages
    builder = _tfds.prepared(dataset, config.data_dir)
    _tables.check_columns(config.languages, _tfds.columns(builder), f"data set {dataset}")
    return [
        {"text": _examples.text(place, row, first), "target": _examples.text(place, row, second)}
        for place, row in _tfds.rows(builder, dataset, split, config.languages)
    ]


def _filtered(
    config: Config, split: str, pairs: list[_examples.Example]
) -> list[_examples.Example]:
    """Return the pairs to keep; print how many are dropped, and why."""
    reasons = [_reason(config, pair, split == "train") for pair in pairs]
    dropped = Counter(reason for reason in reasons if reason)
    if not dropped:
        return pairs
    why = ", ".join(f"{count} {reason}" for reason, count in dropped.most_common())
    summary = f"{dropped.total()} of {len(pairs)} pairs dropped ({why})"
    if dropped.total() == len(pairs):
        raise InputError(
            f"data.{split}: {summary}; expected at least one to be left: loosen min_words, "
            "max_words or max_ratio"
        )
    print(f"{split}: {summary}")
    return [pair for pair, reason in zip(pairs, reasons, strict=True) if not reason]


def _reason(config: Config, pair: _examples.Example, train: bool) -> str:
    """Return why a pair is dropped; an empty text if it is kept."""
    lengths = sorted(len(pair[side].split()) for side in ("text", "target"))
    if lengths[0] == 0:  # only in a data set, where the user can't mend it
        return "with an empty side"
    if not train:
        return ""
    if lengths[0] < config.min_words:
        return f"shorter than {_words(config.min_words)}"
    if config.max_words is not None and lengths[1] > config.max_words:
        return f"longer than {_words(config.max_words)}"
    if config.max_ratio is not None and lengths[1] > config.max_ratio * lengths[0]:
        return f"of a ratio over {config.max_ratio:g}"
    return ""


def _words(number: int) -> str:
    return f"{number} word" if number == 1 else f"{number} words"


class Source(base.Source):
    """What other packages ask of this file."""

    read = staticmethod(read)
    read_file = staticmethod(read_file)
