"""The best tags of a linear chain and their probabilities: decoding of a CRF in numpy."""

from __future__ import annotations

import numpy as np

FORBIDDEN = -1e4  # a score that no best path has


def best_path(logits: np.ndarray, transitions: np.ndarray, allowed: np.ndarray) -> np.ndarray:
    """Return the tags of the path with the highest score, (t,) int, by Viterbi's algorithm (1967).

    Args:
        logits: (t, k) scores of each tag.
        transitions: (k + 2, k), row i of tag i followed by each tag, then those of each tag at the
            start and at the end.
        allowed: (k + 2, k) bool, like the transitions: which of them the path may use.

    Example:
        >>> best_path(np.eye(2), np.zeros((4, 2)), np.ones((4, 2), bool))
        array([0, 1])
    """
    start, end, steps = _parts(transitions, allowed)
    scores = start + logits[0]
    came_from = np.zeros(logits.shape, np.int64)
    for place in range(1, len(logits)):
        paths = scores[:, None] + steps
        came_from[place] = paths.argmax(axis=0)
        scores = paths.max(axis=0) + logits[place]
    tags = np.zeros(len(logits), np.int64)
    tags[-1] = (scores + end).argmax()
    for place in range(len(logits) - 1, 0, -1):
        tags[place - 1] = came_from[place, tags[place]]
    return tags


def marginals(logits: np.ndarray, transitions: np.ndarray, allowed: np.ndarray) -> np.ndarray:
    """Return the probability of each tag at each position over all paths, (t, k).

    Args:
        logits: (t, k).
        transitions: (k + 2, k), see `best_path`.
        allowed: (k + 2, k) bool.
    """
    start, end, steps = _parts(transitions, allowed)
    forward, backward = np.zeros(logits.shape), np.zeros(logits.shape)
    forward[0] = start + logits[0]
    for place in range(1, len(logits)):
        forward[place] = _logsumexp(forward[place - 1][:, None] + steps, 0) + logits[place]
    backward[-1] = end
    for place in range(len(logits) - 2, -1, -1):
        after = logits[place + 1] + backward[place + 1]
        backward[place] = _logsumexp(steps + after[None], 1)
    both = forward + backward
    shares = np.exp(both - both.max(axis=-1, keepdims=True))
    return shares / shares.sum(axis=-1, keepdims=True)


def _parts(
    transitions: np.ndarray, allowed: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    scores = np.where(allowed, transitions.astype(np.float64), FORBIDDEN)
    return scores[-2], scores[-1], scores[:-2]


def _logsumexp(x: np.ndarray, axis: int) -> np.ndarray:
    top = x.max(axis=axis, keepdims=True)
    return np.log(np.exp(x - top).sum(axis=axis)) + top.squeeze(axis)
