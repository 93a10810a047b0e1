"""Running text for pre-training: a sentence a line, an empty line between documents."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from pydantic import field_validator

from tfapps.config import paths
from tfapps.data import files as opening
from tfapps.data.corpora import Corpus, Document
from tfapps.data.limits import First, Limit
from tfapps.data.sources import _examples, _options, _samples, _tables, _tfds, base
from tfapps.errors import InputError
from tfapps.text import lines

Names = str | list[str]


class Config(_options.Encoded):
    """The splits as files, packed or not, each one or several; or a data set's, or a sample's.

    Attributes:
        text: of a data set, the feature that holds a document; its lines are the sentences.
    """

    source: str = "corpus"
    root: str | None = None
    dataset: str | None = None  # of TensorFlow Datasets
    data_dir: str | None = None
    sample: str | None = None
    train: Names = "train"
    dev: Names = "dev"
    test: Names | None = None
    text: str = "text"
    limit: Limit = None  # the first documents either way: a draw would read all of them

    @field_validator("dev", "test", mode="before")
    @classmethod
    def _no_share(cls, names: Any) -> Any:
        if isinstance(names, float | int) and not isinstance(names, bool):
            raise ValueError(
                f"got {names}, but running text is read as it is needed, and not split; expected "
                "a file, or a list of files, held out by you"
            )
        return names

    @field_validator("train", "dev", "test")
    @classmethod
    def _some(cls, names: Names | None) -> Names | None:
        if names is not None and not names:
            raise ValueError(f"got {names!r}, expected a file or a list of files")
        return names


def read(config: Config, split: str) -> Corpus:
    """Return the documents of train, dev or test; they are read when they are asked for.

    Raises:
        InputError: a file or data set is not there.
    """
    names = getattr(config, split)
    names = [names] if isinstance(names, str) else list(names)
    limit = config.limit if split == "train" else None
    limit = limit.first if isinstance(limit, First) else limit
    if config.dataset is not None:
        return _stored(config, names, limit)
    if config.sample is not None:
        files = []
        for name in names:
            with _samples.file(config.sample, name, ".txt") as path:
                files.append(path)
        return _of_files(files, None, limit)
    files = [paths.locate(name, config.root) for name in names]
    return _of_files(files, config.encoding, limit)


def read_file(config: Config, path: str | Path, labelled: bool = True) -> Corpus:
    """Return the documents of a file that the user names."""
    files = [paths.locate(str(path), config.root, here_first=True)]
    return _of_files(files, config.encoding, None)


def _of_files(files: Sequence[Path], encoding: str | None, limit: int | None) -> Corpus:
    def documents() -> Iterator[Document]:
        for path in files:
            yield from _documents(path, encoding)

    # The same bytes are another text in another encoding.
    corpus = Corpus(documents, [*files, *([encoding] if encoding else [])], limit)
    if not corpus:
        raise InputError(f"{files[0]}: no text, expected a sentence a line")
    return corpus


def _documents(path: Path, encoding: str | None) -> Iterator[Document]:
    document: Document = []
    for line in map(str.strip, opening.stream_lines(path, encoding)):
        if line:
            document.append(line)
        elif document:
            yield document
            document = []
    if document:
        yield document


def _stored(config: Config, splits: Sequence[str], limit: int | None) -> Corpus:
    """Yield the documents of a TensorFlow data set, a row each."""
    dataset = str(config.dataset)
    builder = _tfds.prepared(dataset, config.data_dir)
    _tables.check_columns([config.text], _tfds.columns(builder), f"data set {dataset}")

    def documents() -> Iterator[Document]:
        for split in splits:
            for place, row in _tfds.stream(builder, dataset, split, [config.text]):
                sentences = _sentences(place, row, config.text)
                if sentences:
                    yield sentences

    content = [f"{builder.info.full_name} {config.text} {' '.join(splits)} {_tfds.sizes(builder)}"]
    return Corpus(documents, content, limit)


def _sentences(place: str, row: dict[str, Any], text: str) -> Document:
    sentences = map(str.strip, lines.split(_examples.text(place, row, text)))
    return [sentence for sentence in sentences if sentence]


class Source(base.Source):
    """What other packages ask of this file."""

    read = staticmethod(read)
    read_file = staticmethod(read_file)
