"""Lists of words and tags: JSON, Parquet, TensorFlow Datasets, or folders of parallel lines."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import model_validator

from tfapps.config import paths
from tfapps.data import files as opening
from tfapps.data.limits import Limit
from tfapps.data.sources import _examples, _options, _records, _tables, _tagged, _tfds, base
from tfapps.errors import InputError
from tfapps.text.labels import Spellings

WORDS, TAGS, LABELS = "seq.in", "seq.out", "label"
_FILES = ("jsonl", "json", "parquet")


class Config(_tagged.Tagged):
    """What the splits are called, and which key holds what.

    A split is a .jsonl, .json or .parquet file, the name of a split of `dataset`, or a folder with
    the files seq.in (words), seq.out (tags) and label (of the whole sentence, if `label` is set).

    Attributes:
        label: key of a label of the sentence beside its tags; None if there is none.
    """

    source: str = "tagged"
    root: str | None = None
    dataset: str | None = None  # of TensorFlow Datasets
    data_dir: str | None = None
    train: str = "train"
    dev: str | _examples.Fraction = "dev"
    test: str | _examples.Fraction | None = None
    tokens: _options.Column = "tokens"
    tags: _options.Column = "tags"
    label: _options.Column | None = None
    limit: Limit = None

    @model_validator(mode="before")
    @classmethod
    def _splits(cls, options: Any) -> Any:
        return _options.default_splits_of_file(options, _FILES)


def read(config: Config, split: str) -> list[_examples.Example]:
    """Return the sentences of train, dev or test.

    Raises:
        InputError: the data is not there, or words and tags do not fit each other.
    """
    name = _examples.named(config, split, "a file, a folder, or the name of a split")
    if config.dataset is not None:
        sentences = _stored(config, name)
    else:
        sentences = _from_path(config, name, here_first=False)
    return _tagged.build(config, sentences, name)


def read_file(config: Config, path: str | Path, labelled: bool = True) -> list[_examples.Example]:
    """Return the sentences of a file or a folder that the user names."""
    return _tagged.build(config, _from_path(config, str(path), here_first=True), str(path))


def _from_path(config: Config, name: str, here_first: bool) -> list[_tagged.Sentence]:
    spellings = Spellings()
    if Path(opening.plain_name(name)).suffix.removeprefix(".") in _FILES:
        path = paths.locate(name, config.root, here_first)
        form = _records.form_of(name)._replace(encoding=config.encoding, settable=True)
        rows = _records.read(path, form, _columns_of(config))
        sentences = [_sentence(config, place, fields, spellings) for place, fields in rows]
    else:
        sentences = _from_folder(config, name, here_first, spellings)
    spellings.report(name)
    return sentences


def _from_folder(
    config: Config, name: str, here_first: bool, spellings: Spellings
) -> list[_tagged.Sentence]:
    words = paths.locate(f"{name}/{WORDS}", config.root, here_first, opening.ENDINGS)
    names = [WORDS, TAGS, *([LABELS] if config.label else [])]
    files = [_beside(words, name_of_file) for name_of_file in names]
    columns = [opening.read_lines(file, config.encoding) for file in files]
    for file, lines in zip(files[1:], columns[1:], strict=True):
        if len(lines) != len(columns[0]):
            raise InputError(
                f"{words} has {len(columns[0])} lines, {file} {len(lines)}; expected as many, "
                "line by line the same sentence"
            )
    keys = _columns_of(config)
    sentences = []
    for number, line in enumerate(zip(*columns, strict=True), 1):
        fields = dict(zip(keys, [line[0].split(), line[1].split(), *line[2:]], strict=True))
        sentences.append(_sentence(config, f"{words}:{number}", fields, spellings))
    return sentences


def _beside(path: Path, name: str) -> Path:
    for file in (path.parent / f"{name}{ending}" for ending in opening.ENDINGS):
        if file.is_file():
            return file
    raise InputError(f"{path} has no {name} beside it, expected it in the same folder")


def _stored(config: Config, split: str) -> list[_tagged.Sentence]:
    builder = _tfds.prepared(str(config.dataset), config.data_dir)
    keys, spellings = _columns_of(config), Spellings()
    _tables.check_columns(keys, _tfds.columns(builder), f"data set {config.dataset}")
    names = {key: _tfds.class_names(builder.info.features[key]) for key in keys}
    sentences = []
    for place, row in _tfds.rows(builder, str(config.dataset), split, keys):
        fields = {key: _tfds.class_name(value, names[key]) for key, value in row.items()}
        sentences.append(_sentence(config, place, fields, spellings))
    spellings.report(f"{config.dataset} {split}")
    return sentences


def _columns_of(config: Config) -> list[str]:
    return [config.tokens, config.tags, *([config.label] if config.label else [])]


def _sentence(
    config: Config, place: str, fields: dict[str, Any], spellings: Spellings
) -> _tagged.Sentence:
    lists = []
    for key in (config.tokens, config.tags):
        value = _examples.field(place, fields, key)
        if not isinstance(value, list) or not all(isinstance(part, str) for part in value):
            raise InputError(f"{place}: {key} is {opening.short(value)}, expected a list of texts")
        lists.append(value)
    tokens, tags = lists
    if len(tokens) != len(tags):
        raise InputError(
            f"{place}: {len(tokens)} {config.tokens} and {len(tags)} {config.tags}; expected one "
            "tag a word"
        )
    for number, token in enumerate(tokens):
        if not token.strip():
            raise InputError(f"{place}: word {number} is empty; expected text")
    if not tokens:
        raise InputError(f"{place}: no words; drop the row, or fill it")
    more = {}
    if config.label is not None:
        value = _examples.field(place, fields, config.label)
        more["label"] = _examples.label_name(f"{place}: {config.label}", value, spellings)
    return _tagged.Sentence(tokens, tags, [place] * len(tokens), more)


class Source(base.Source):
    """What other packages ask of this file."""

    read = staticmethod(read)
    read_file = staticmethod(read_file)
