"""Running text of any size: documents of sentences, read from disk in every iteration."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

Document = list[str]


class Corpus:
    """Documents, each a list of its sentences; none stays in memory.

    Args:
        documents: makes an iterator from the first document on.
        content: files or texts of the documents, for the hash that identifies the corpus.
        limit: of documents; None is all.
    """

    def __init__(
        self,
        documents: Callable[[], Iterator[Document]],
        content: Sequence[Path | str],
        limit: int | None = None,
    ) -> None:
        self._documents, self._content, self._limit = documents, tuple(content), limit
        self._digest: str | None = None

    def __iter__(self) -> Iterator[Document]:
        return itertools.islice(self._documents(), self._limit)

    def __bool__(self) -> bool:
        return next(iter(self), None) is not None

    @property
    def digest(self) -> str:
        """Return the SHA-256 of the content; computed once."""
        if self._digest is None:
            digest = hashlib.sha256(str(self._limit).encode())
            for part in self._content:
                digest.update(part.encode() if isinstance(part, str) else _hash(part))
            self._digest = digest.hexdigest()
        return self._digest

    def sentences(self) -> Iterator[str]:
        """Return all sentences of all documents."""
        return itertools.chain.from_iterable(self)

    def parts(self, sentences: int) -> Iterator[list[Document]]:
        """Yield lists of documents with about so many sentences each."""
        part: list[Document] = []
        count = 0
        for document in self:
            part.append(document)
            count += len(document)
            if count >= sentences:
                yield part
                part, count = [], 0
        if part:
            yield part


def _hash(path: Path) -> bytes:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()
