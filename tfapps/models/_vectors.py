"""Word vectors out of a text file, a word and its numbers a line, as GloVe and word2vec write."""

from __future__ import annotations

import functools
import os
from pathlib import Path

import numpy as np

from tfapps.errors import InputError


@functools.cache
def read(file: str, size: int) -> dict[str, np.ndarray]:
    """Vectors (size,) of all words of a file, under $TFAPPS_DATA or here; a header is left out.

    Raises:
        InputError: no such file, or a line of it has not one word and `size` numbers.
    """
    given = Path(file).expanduser()
    base = os.environ.get("TFAPPS_DATA")
    places = [Path(base).expanduser() / given, given] if base else [given]
    path = next((place for place in places if place.is_file()), None)
    if path is None:
        looked = ", ".join(str(place.absolute()) for place in places)
        raise InputError(f"model.vectors: no file {file}: looked at {looked}")
    vectors: dict[str, np.ndarray] = {}
    with path.open(encoding="utf-8", errors="replace") as lines:
        for number, line in enumerate(lines, 1):
            word, *numbers = line.rstrip().split(" ")
            if number == 1 and len(numbers) == 1:  # how many words, how many numbers
                continue
            try:
                vectors[word] = np.array(numbers, np.float32)
            except ValueError:
                numbers = []
            if len(numbers) != size:
                raise InputError(
                    f"{path}:{number}: expected a word and {size} numbers "
                    f"(model.embedding_size), got {line[:40].rstrip()!r}"
                )
    return vectors
