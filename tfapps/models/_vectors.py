"""Reads word vectors from a text file, one word and its numbers per line (GloVe, word2vec)."""

from __future__ import annotations

import functools
import unicodedata

import numpy as np

from tfapps.config import paths
from tfapps.errors import InputError


@functools.lru_cache(maxsize=1)  # asked for words first, for their vectors later
def read(file: str, size: int) -> dict[str, np.ndarray]:
    """Read the vectors (size,) of all words of a file, in $TFAPPS_DATA or the working directory.

    A header is skipped. Words are normalised to NFC, as in vocabularies.

    Raises:
        InputError: no such file, or a line that is not a word and `size` numbers.
    """
    path = paths.locate(file, None)
    vectors: dict[str, np.ndarray] = {}
    try:
        lines = path.open(encoding="utf-8", errors="replace")
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from error
    with lines:
        for number, line in enumerate(lines, 1):
            word, *numbers = line.rstrip().split(" ")
            if number == 1 and len(numbers) == 1:  # how many words, how many numbers
                continue
            try:
                vectors[unicodedata.normalize("NFC", word)] = np.array(numbers, np.float32)
            except ValueError:
                numbers = []
            if len(numbers) != size:
                raise InputError(
                    f"{path}:{number}: expected a word and {size} numbers "
                    f"(model.embedding_size), got {line[:40].rstrip()!r}"
                )
    return vectors
