"""Running text for pre-training: a sentence a line, an empty line between documents."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from pydantic import field_validator

from tfapps import paths
from tfapps.config import Section
from tfapps.data.corpora import Corpus, Document
from tfapps.data.limits import First, Limit
from tfapps.data.sources import _examples, _samples, _tfds
from tfapps.errors import InputError

Names = str | list[str]


class Config(Section):
    """The splits as files, `.gz` or not, each one or several; or a data set's, or a sample's.

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

    @field_validator("train", "dev", "test")
    @classmethod
    def _some(cls, names: Names | None) -> Names | None:
        if names is not None and not names:
            raise ValueError(f"got {names!r}, expected a file or a list of files")
        return names


def read(config: Config, split: str) -> Corpus:
    """Documents of train, dev or test; they are read when they are asked for.

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
        return _of_files(files, limit)
    return _of_files([paths.locate(name, config.root) for name in names], limit)


def read_file(config: Config, path: str | Path, labelled: bool = True) -> Corpus:
    """Documents of a file that the user names."""
    return _of_files([paths.locate(str(path), config.root, here_first=True)], None)


def _of_files(files: Sequence[Path], limit: int | None) -> Corpus:
    def documents() -> Iterator[Document]:
        for path in files:
            yield from _documents(path)

    made = Corpus(documents, files, limit)
    if not made:
        raise InputError(f"{files[0]}: no text, expected a sentence a line")
    return made


def _documents(path: Path) -> Iterator[Document]:
    document: Document = []
    for line in _lines(path):
        if line:
            document.append(line)
        elif document:
            yield document
            document = []
    if document:
        yield document


def _lines(path: Path) -> Iterator[str]:
    """Lines without what is blank around them, one at a time however large the file is.

    Raises:
        InputError: unreadable, damaged, or not UTF-8 text (naming the line).
    """
    opened = gzip.open if path.suffix == ".gz" else open
    number = 0
    try:
        with opened(path, "rb") as lines:
            for number, line in enumerate(lines, 1):
                text = line.decode("utf-8-sig" if number == 1 else "utf-8").strip()
                if "\0" in text:
                    raise InputError(f"{path}:{number}: NUL byte, expected text in UTF-8")
                yield text
    except UnicodeDecodeError as error:
        byte = error.object[error.start]
        raise InputError(
            f"{path}:{number}: byte 0x{byte:02x} is not UTF-8; save the file as UTF-8 text"
        ) from error
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise InputError(f"{path}: damaged gzip file ({error}); copy it anew") from error
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from error


def _stored(config: Config, splits: Sequence[str], limit: int | None) -> Corpus:
    """Documents of a TensorFlow data set, a row each."""
    dataset = str(config.dataset)
    builder = _tfds.prepared(dataset, config.data_dir)
    _examples.check_columns([config.text], _tfds.columns(builder), f"data set {dataset}")

    def documents() -> Iterator[Document]:
        for split in splits:
            for place, row in _tfds.stream(builder, dataset, split, [config.text]):
                sentences = _sentences(place, row, config.text)
                if sentences:
                    yield sentences

    content = [f"{builder.info.full_name} {config.text} {' '.join(splits)} {_tfds.sizes(builder)}"]
    return Corpus(documents, content, limit)


def _sentences(place: str, row: dict[str, Any], text: str) -> Document:
    lines = (line.strip() for line in _examples.text(place, row, text).splitlines())
    return [line for line in lines if line]
