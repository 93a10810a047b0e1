"""Lists of words and tags: JSON lines, TensorFlow Datasets, or folders of parallel lines."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tfapps import paths
from tfapps.data.limits import Limit
from tfapps.data.sources import _examples, _files, _tagged, _tfds
from tfapps.errors import InputError

WORDS, TAGS, LABELS = "seq.in", "seq.out", "label"
_PLAIN_OR_GZIP = ("", ".gz")


class Config(_tagged.Tagged):
    """What the splits are called, and which key holds what.

    A split is a .jsonl file, the name of a split of `dataset`, or a folder with the files seq.in
    (words), seq.out (tags) and label (of the whole sentence, if `label` is set).

    Attributes:
        label: key of a label of the sentence beside its tags; None if there is none.
    """

    source: str = "tagged"
    root: str | None = None
    dataset: str | None = None  # of TensorFlow Datasets
    data_dir: str | None = None
    train: str = "train"
    dev: str | _examples.Fraction = "dev"
    test: str | None = None
    tokens: str = "tokens"
    tags: str = "tags"
    label: str | None = None
    limit: Limit = None


def read(config: Config, split: str) -> list[_examples.Example]:
    """Sentences of train, dev or test.

    Raises:
        InputError: the data is not there, or words and tags do not fit each other.
    """
    name = _examples.named(config, split, "a .jsonl file, a folder, or the name of a split")
    if config.dataset is not None:
        sentences = _stored(config, name)
    else:
        sentences = _from_path(config, name, here_first=False)
    return _tagged.build(config, sentences, name)


def read_file(config: Config, path: str | Path, labelled: bool = True) -> list[_examples.Example]:
    """Sentences of a .jsonl file or a folder that the user names."""
    return _tagged.build(config, _from_path(config, str(path), here_first=True), str(path))


def _from_path(config: Config, name: str, here_first: bool) -> list[_tagged.Sentence]:
    if name.removesuffix(".gz").endswith(".jsonl"):
        path = paths.locate(name, config.root, here_first)
        rows = _files.read_rows(path, "jsonl")
        return [_sentence(config, f"{path}:{row.line}", row.fields) for row in rows]
    words = paths.locate(f"{name}/{WORDS}", config.root, here_first, _PLAIN_OR_GZIP)
    wanted = [WORDS, TAGS, *([LABELS] if config.label else [])]
    files = [_beside(words, other) for other in wanted]
    columns = [_files.read_lines(file) for file in files]
    for file, lines in zip(files[1:], columns[1:], strict=True):
        if len(lines) != len(columns[0]):
            raise InputError(
                f"{words} has {len(columns[0])} lines, {file} {len(lines)}; expected as many, "
                "line by line the same sentence"
            )
    keys = [config.tokens, config.tags, *([config.label] if config.label else [])]
    sentences = []
    for number, line in enumerate(zip(*columns, strict=True), 1):
        fields = dict(zip(keys, [line[0].split(), line[1].split(), *line[2:]], strict=True))
        sentences.append(_sentence(config, f"{words}:{number}", fields))
    return sentences


def _beside(path: Path, name: str) -> Path:
    there = [path.parent / f"{name}{ending}" for ending in _PLAIN_OR_GZIP]
    for file in there:
        if file.is_file():
            return file
    raise InputError(f"{path} has no {name} beside it, expected it in the same folder")


def _stored(config: Config, split: str) -> list[_tagged.Sentence]:
    builder = _tfds.prepared(str(config.dataset), config.data_dir)
    wanted = [config.tokens, config.tags, *([config.label] if config.label else [])]
    _examples.check_columns(wanted, _tfds.columns(builder), f"data set {config.dataset}")
    names = {key: _tfds.class_names(builder.info.features[key]) for key in wanted}
    return [
        _sentence(config, place, {k: _tfds.class_name(v, names[k]) for k, v in row.items()})
        for place, row in _tfds.rows(builder, str(config.dataset), split, wanted)
    ]


def _sentence(config: Config, place: str, fields: dict[str, Any]) -> _tagged.Sentence:
    lists = []
    for key in (config.tokens, config.tags):
        found = _examples.field(place, fields, key)
        if not isinstance(found, list) or not all(isinstance(part, str) for part in found):
            raise InputError(f"{place}: {key} is {_files.short(found)}, expected a list of texts")
        lists.append(found)
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
        more["label"] = _examples.text(place, fields, config.label).strip()
        if not more["label"]:
            raise InputError(f"{place}: empty {config.label}; fill it or drop the row")
    return _tagged.Sentence(tokens, tags, [place] * len(tokens), more)
