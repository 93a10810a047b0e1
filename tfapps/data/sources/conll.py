"""CoNLL files: a word and its tag a line among other columns, blank lines between sentences."""

from __future__ import annotations

import re
from pathlib import Path

from pydantic import model_validator

from tfapps.config import paths
from tfapps.data import files
from tfapps.data.limits import Limit
from tfapps.data.sources import _conllu, _examples, _options, _samples, _tagged, base
from tfapps.errors import InputError

DOCUMENT = "-DOCSTART-"
_BLANKS = re.compile(r"[ \t]+")
_TAG = re.compile(r"[BIESLUM][-_]\S+", re.IGNORECASE)
# What writers of comments begin them with; a word `#` among the columns is none of these.
_COMMENT = re.compile(r"#[ \t]+(\S+ ?=|newdoc\b|newpar\b|(sent_)?id\b)|#(begin|end) document\b")


class Config(_tagged.Tagged):
    """The splits as files, or those of a sample that comes with tfapps.

    Attributes:
        token: number of the column of the words; columns count from 0, or back from -1. In
            CoNLL-U the column of the numbers is never meant, so that 0 is the next one, FORM.
        tag: number of the column of the tags. In CoNLL-U the last one, MISC, has them as NER=.
    """

    source: str = "conll"
    root: str | None = None
    sample: str | None = None
    train: str = "train"
    dev: str | _examples.Fraction = "dev"
    test: str | _examples.Fraction | None = None
    token: int = 0
    tag: int = -1
    limit: Limit = None

    _splits = model_validator(mode="before")(_options.default_splits_of_file)

    @model_validator(mode="after")
    def _two_columns(self) -> Config:
        if self.token == self.tag:
            raise ValueError(f"token and tag are both column {self.tag}; expected two columns")
        return self


def read(config: Config, split: str) -> list[_examples.Example]:
    """Return the sentences of train, dev or test.

    Raises:
        InputError: no such file, or a malformed line of it.
    """
    name = _examples.named(config, split, "a file")
    if config.sample is None:
        return _from_file(config, paths.locate(name, config.root))
    with _samples.file(config.sample, name, ".conll") as path:
        return _from_file(config, path)


def read_file(config: Config, path: str | Path, labelled: bool = True) -> list[_examples.Example]:
    """Return the sentences of a file that the user names."""
    return _from_file(config, paths.locate(str(path), config.root, here_first=True))


def look(path: Path) -> base.Looked | None:
    """Return the words and the tags of a file; None if its lines are no words with tags."""
    encoding = files.likely_encoding(path)
    options = {} if encoding is None else {"encoding": encoding}
    ending = Path(files.plain_name(path.name)).suffix.removeprefix(".")
    if ending not in Source.endings and not _is_tagged(path, encoding):
        return None
    rows = _from_file(Config(train=str(path), dev=str(path), **options), path)
    columns = {name: [row[name] for row in rows] for name in ("tokens", "tags")}
    return base.Looked(columns, options, tagged=True, rows="sentences")


def _is_tagged(path: Path, encoding: str | None) -> bool:
    """Return whether the last of several columns holds tags such as B-PER, beside O."""
    lines = files.read_lines(path, encoding)
    fields = [_split(line) for line in lines if line.strip() and not _starts_document(line)]
    tags = {words[-1] for words in fields}
    named = sum(_TAG.fullmatch(tag) is not None for tag in tags)
    return len({len(words) for words in fields}) == 1 and named >= len(tags) - 1 > 0


def _from_file(config: Config, path: Path) -> list[_examples.Example]:
    sentences: list[_tagged.Sentence] = []
    document = 0
    words: list[tuple[str, str, str]] = []

    def close() -> None:
        if words:
            tokens, tags, places = (list(column) for column in zip(*words, strict=True))
            sentences.append(_tagged.Sentence(tokens, tags, places, {"document": document}))
            words.clear()

    lines = files.read_lines(path, config.encoding)
    first, width, universal = _shape(lines)
    if width:
        _check_columns(config, path, first, width)
    for number, line in enumerate(lines, 1):
        starts_document = _starts_document(line)
        if starts_document or not line.strip(" \t"):
            close()
            document += starts_document
            continue
        fields = _conllu.split(line) if universal else _split(line)
        if not words and _is_comment(line, fields, width):
            continue
        if len(fields) != width:
            raise InputError(
                f"{path}:{number}: {len(fields)} columns, expected {width} as in line {first} "
                "(a word and its tags, with blanks or a tab between)"
            )
        if not universal:
            words.append((fields[config.token], fields[config.tag], f"{path}:{number}"))
        elif _conllu.is_word(fields):
            word, tag = _conllu.word_and_tag(fields, config.token, config.tag)
            if not word:
                raise InputError(f"{path}:{number}: empty word, expected text or _")
            words.append((word, tag, f"{path}:{number}"))
    close()
    if not sentences:
        raise InputError(f"{path}: no sentences, expected a word and its tag a line")
    if universal and config.tag in (-1, _conllu.MISC):
        _conllu.check_tagged(sentences, path)
    return _tagged.build(config, sentences, str(path))


def _shape(lines: list[str]) -> tuple[int, int, bool]:
    """Return number and width of the first line with columns, and whether it is CoNLL-U.

    A line that may be a comment, or a word `#`, counts only if there is no other.
    """
    candidates = [
        (number, line)
        for number, line in enumerate(lines, 1)
        if line.strip(" \t") and not _starts_document(line) and not _COMMENT.match(line)
    ]
    plain = ((number, line) for number, line in candidates if not line.startswith("#"))
    number, line = next(plain, candidates[0] if candidates else (0, ""))
    universal = _conllu.is_universal(line)
    width = len(_conllu.split(line) if universal else _split(line)) if line else 0
    return number, width, universal


def _split(line: str) -> list[str]:
    return _BLANKS.split(line.strip(" \t"))


def _starts_document(line: str) -> bool:
    """Return whether a line is `-DOCSTART-`, alone, with a number to it, or behind an index."""
    if line.startswith("# newdoc"):
        return True
    return DOCUMENT in line and any(part.startswith(DOCUMENT) for part in _split(line)[:2])


def _is_comment(line: str, fields: list[str], width: int) -> bool:
    """Return whether the first line of a sentence is a comment: `# id 5` is, `# O` is a word."""
    return line.startswith("#") and (len(fields) != width or bool(_COMMENT.match(line)))


def _check_columns(config: Config, path: Path, number: int, width: int) -> None:
    for name in ("token", "tag"):
        column = getattr(config, name)
        if not -width <= column < width:
            raise InputError(
                f"{path}:{number}: {width} columns, but data.{name} is {column}; expected "
                f"{-width} to {width - 1}"
            )
    if config.token % width == config.tag % width:
        raise InputError(
            f"{path}:{number}: {width} column(s), so data.token and data.tag are the same one; "
            "expected a word and its tag a line"
        )


class Source(base.Source):
    """What other packages ask of this file."""

    endings = ("conll", "conllu", "iob", "iob2", "bio")
    look = staticmethod(look)
    read = staticmethod(read)
    read_file = staticmethod(read_file)
