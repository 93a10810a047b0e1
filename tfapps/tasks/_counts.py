"""Initial word vectors from counts: how often words occur, and next to which others."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

WINDOW = 4  # pieces on either side; the k-th counts for 1/k
MOST = 10_000_000  # pieces of a corpus that are counted: more change little
CHUNK = 10_000  # sentences that are counted at once
NOISE = 1e-6  # of the largest: what is smaller is rounding


@dataclass(frozen=True)
class Counts:
    """How often each piece occurs (v,), and pairs of neighbours: sparse (v, v), symmetric."""

    single: np.ndarray
    beside: Any


def count(
    sentences: Iterable[str], ids: Callable[[list[str]], Sequence[np.ndarray]], size: int
) -> Counts:
    """Count the pieces of running text, of which `ids` gives those of sentences.

    Args:
        size: of the vocabulary.
    """
    from scipy import sparse

    single, beside = np.zeros(size), sparse.csr_array((size, size))
    for run in _runs(sentences, ids):
        single += np.bincount(run, minlength=size)
        for k in range(1, WINDOW + 1):
            pairs = np.full(max(len(run) - k, 0), 1.0 / k)
            beside += sparse.coo_array((pairs, (run[:-k], run[k:])), (size, size)).tocsr()
    return Counts(single, (beside + beside.T).tocsr())


def count_single(
    sentences: Iterable[str], ids: Callable[[list[str]], Sequence[np.ndarray]], size: int
) -> np.ndarray:
    """Return how often each piece occurs, (v,), as `count` has it."""
    return sum((np.bincount(run, minlength=size) for run in _runs(sentences, ids)), np.zeros(size))


def _runs(
    sentences: Iterable[str], ids: Callable[[list[str]], Sequence[np.ndarray]]
) -> Iterator[np.ndarray]:
    """Yield the pieces of many sentences at a time, until `MOST` were counted."""
    left, counted = iter(sentences), 0
    while counted < MOST and (chunk := list(itertools.islice(left, CHUNK))):
        run = np.concatenate(ids(chunk))
        counted += len(run)
        yield run


def start_embeddings(counts: Counts, table: Any, bias: Any, seed: int) -> None:
    """Set the vectors of pieces (v, d), of the mean square they had, and the bias of guesses (v,).

    A piece that nothing is known of keeps its vector.
    """
    before = table.numpy()
    learned = vectors(counts, before.shape[1], np.random.default_rng(seed))
    sizes = np.sqrt(np.mean(learned**2, axis=1, keepdims=True))
    known = sizes > NOISE * sizes.max()
    scaled = learned / np.where(known, sizes, 1.0) * np.sqrt(np.mean(before**2))
    table.assign(np.where(known, scaled, before))
    bias.assign(log_shares(counts.single))


def log_shares(single: np.ndarray) -> np.ndarray:
    """Return the logarithm of each piece's count plus one, (v,); their mean is zero."""
    logs = np.log(single + 1.0)
    return (logs - logs.mean()).astype(np.float32)


def information(counts: Counts) -> Any:
    """Return the logarithm of how much more often pieces are neighbours than by chance, or 0.

    The second piece's share is taken to the power 3/4, else rare ones look too telling; both
    directions' mean, so sparse (v, v), symmetric. Source: Levy, Goldberg and Dagan 2015,
    "Improving Distributional Similarity with Lessons Learned from Word Embeddings".
    """
    pairs = counts.beside.tocoo()
    alone = np.asarray(counts.beside.sum(axis=1)).ravel()
    context = alone**0.75 / max((alone**0.75).sum(), 1.0)
    row, column = pairs.coords
    pairs.data = np.maximum(np.log(pairs.data / (alone[row] * context[column])), 0.0)
    return ((pairs + pairs.T) / 2).tocsr()


def vectors(counts: Counts, width: int, generator: np.random.Generator) -> np.ndarray:
    """Return vectors (v, width) whose products come as near as they can to `information`.

    They are turned at random, so that no column holds more than another. What was never met has
    zeros. Source: Levy and Goldberg 2014, "Neural Word Embedding as Implicit Matrix Factorization".
    """
    from scipy.sparse.linalg import eigsh

    matrix = information(counts)
    size = matrix.shape[0]
    rank = min(width, size - 1)
    if not matrix.data.any():  # nothing stands beside another more often than by chance
        return np.zeros((size, width), np.float32)
    # Without a generator of ours the search draws from one that is new in every process.
    options = {"which": "LA", "v0": np.ones(size), "rng": generator}
    values, eigenvectors = eigsh(matrix, k=rank, **options)
    values[values < NOISE * values.max()] = 0.0
    turn, _ = np.linalg.qr(generator.standard_normal((width, width)))
    return (eigenvectors * np.sqrt(values) @ turn[:rank]).astype(np.float32)
