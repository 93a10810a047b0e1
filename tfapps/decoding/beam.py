"""Greedy and beam search over any step function: Keras, SavedModel and LiteRT decode alike.

Scores are those of Wu et al. 2016 ("Google's Neural Machine Translation System", section 7): the
sum of log-probabilities over a length penalty, plus a penalty for source tokens that got little
attention.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

import numpy as np

Arrays = Mapping[str, np.ndarray]
NEVER = -np.inf
# An answer may be this much longer than its source: longer ones come from a model in a loop.
TIMES, MORE = 2, 10


class Stepped(NamedTuple):
    """The result of one step for n prefixes.

    Attributes:
        log_probs: of every next token, (n, v).
        states: input of the next step, {name: (n, ...)}.
        attention: weights over the source, (n, s), or None for a model without attention.
    """

    log_probs: np.ndarray
    states: Arrays
    attention: np.ndarray | None = None


class Step(Protocol):
    """One step of a decoder."""

    def __call__(self, token_ids: np.ndarray, states: Arrays, context: Arrays) -> Stepped:
        """Map last tokens (n,), states and context {name: (n, ...)} to the step."""


@dataclass(frozen=True)
class Hypothesis:
    """A finished answer.

    Attributes:
        token_ids: (t,) int32, without start and end tokens.
        score: see the module docstring; higher is better.
        attention: (t, s) float32, or None.
    """

    token_ids: np.ndarray
    score: float
    attention: np.ndarray | None = None


@dataclass(frozen=True)
class Search:
    """Settings of the search for the best answer.

    Attributes:
        beam: prefixes kept at a time; 1 is greedy search.
        length_penalty: 0 prefers short answers, 1 divides by about the length.
        coverage_penalty: weight of source tokens that got little attention.
        n_best: answers returned for each row, the best first.
    """

    beam: int = 5
    length_penalty: float = 1.0
    coverage_penalty: float = 0.0
    n_best: int = 1

    def __post_init__(self) -> None:
        if not 1 <= self.n_best <= self.beam:
            raise ValueError(f"n_best {self.n_best}: expected 1 to beam, {self.beam}")

    def score(
        self, log_prob: np.ndarray, length: np.ndarray | int, coverage: np.ndarray | None = None
    ) -> np.ndarray:
        """Return the score of answers of `length` tokens, including the end token.

        Args:
            log_prob: sums of log-probabilities, (...).
            length: tokens, (...) or one number.
            coverage: total attention on each source token, (..., s); 1 for padding.
        """
        score = log_prob / ((5.0 + length) / 6.0) ** self.length_penalty
        if coverage is not None and self.coverage_penalty:
            missed = np.log(np.clip(coverage, 1e-10, 1.0)).sum(axis=-1)
            score = score + self.coverage_penalty * missed
        return score


def search(
    step: Step,
    *,
    states: Arrays,
    context: Arrays,
    limits: np.ndarray,
    start_id: int,
    end_id: int,
    options: Search,
    source_mask: np.ndarray | None = None,
) -> list[list[Hypothesis]]:
    """Return the best answers of each row, at most `how.n_best`.

    A row is finished as soon as it has `how.beam` answers, or no prefix of it can become better
    than those it has. At its limit an answer can only end.

    Args:
        step: called with n = rows still open x beam prefixes.
        states: before the first step, {name: (b, ...)}.
        context: what all steps read, {name: (b, ...)}.
        limits: most tokens of an answer, without the end token, (b,) int.
        source_mask: 1 for tokens of the source, (b, s); others need no attention.

    Example:
        >>> search(step, states={}, context={}, limits=np.array([9]), start_id=2, end_id=3,
        ...        how=Search(beam=4))[0][0].token_ids
    """
    rows = [_Row(int(limit)) for limit in limits]
    beams = _Beams.first(len(rows), start_id, options.beam, states, context, source_mask)
    while len(beams.rows):
        stepped = step(beams.last.reshape(-1), beams.states, beams.context)
        beams = beams.grow(stepped, rows, end_id, options)
        still = [number for number, row in enumerate(beams.rows) if not rows[row].closed]
        if len(still) < len(beams.rows):
            beams = beams.only(np.array(still, int))
    return [row.best(options.n_best) for row in rows]


@dataclass
class _Row:
    """The finished answers of one row."""

    limit: int
    finished: list[Hypothesis] = field(default_factory=list)
    closed: bool = False

    def best(self, count: int) -> list[Hypothesis]:
        return sorted(self.finished, key=lambda one: -one.score)[:count]


@dataclass
class _Beams:
    """Open prefixes: `rows` (r,) numbers of rows, k prefixes each."""

    rows: np.ndarray
    tokens: np.ndarray  # (r, k, t), the start first
    log_prob: np.ndarray  # (r, k)
    states: Arrays  # (r * k, ...)
    context: Arrays
    attention: np.ndarray | None  # (r, k, t - 1, s)
    padding: np.ndarray | None  # (r, s): 1 where the source has no token

    @classmethod
    def first(
        cls,
        count: int,
        start_id: int,
        width: int,
        states: Arrays,
        context: Arrays,
        source_mask: np.ndarray | None,
    ) -> _Beams:
        log_prob = np.full((count, width), NEVER)
        log_prob[:, 0] = 0.0  # all prefixes are the same: only one may count
        return cls(
            rows=np.arange(count),
            tokens=np.full((count, width, 1), start_id, np.int32),
            log_prob=log_prob,
            states={name: np.repeat(value, width, axis=0) for name, value in states.items()},
            context={name: np.repeat(value, width, axis=0) for name, value in context.items()},
            attention=None,
            padding=None if source_mask is None else 1.0 - np.asarray(source_mask, np.float64),
        )

    @property
    def last(self) -> np.ndarray:
        return self.tokens[:, :, -1]

    def grow(self, stepped: Stepped, rows: list[_Row], end_id: int, options: Search) -> _Beams:
        """Extend every prefix by one token; the best ones that end become answers."""
        (count, width), length = self.log_prob.shape, self.tokens.shape[2]
        each = self.log_prob[:, :, None] + stepped.log_probs.reshape(count, width, -1)
        for number, row in enumerate(self.rows):
            if length > rows[row].limit:  # only the end token is allowed
                end = each[number, :, end_id].copy()
                each[number] = NEVER
                each[number, :, end_id] = end
        size, flat = each.shape[-1], each.reshape(count, -1)
        # Each prefix ends only once, so of twice the width at least the width continues.
        best = _largest(flat, 2 * width)
        log_prob = np.take_along_axis(flat, best, axis=1)
        parent, token = best // size, (best % size).astype(np.int32)
        attention = self._attended(stepped.attention)
        ends = (token == end_id) & np.isfinite(log_prob)
        self._finish(ends[:, :width], parent, log_prob, attention, rows, options)
        on = np.argsort(ends, axis=1, kind="stable")[:, :width]  # what does not end, best first
        parent, token, log_prob = (
            np.take_along_axis(array, on, axis=1) for array in (parent, token, log_prob)
        )
        across = np.arange(count)[:, None]
        indices = (across * width + parent).reshape(-1)
        grown = _Beams(
            rows=self.rows,
            tokens=np.concatenate([self.tokens[across, parent], token[:, :, None]], axis=2),
            log_prob=log_prob,
            states={name: np.asarray(value)[indices] for name, value in stepped.states.items()},
            context=self.context,
            attention=None if attention is None else attention[across, parent],
            padding=self.padding,
        )
        grown._close(rows, options)
        return grown

    def _attended(self, attention: np.ndarray | None) -> np.ndarray | None:
        """Return the attention of all steps so far, (r, k, t, s)."""
        if attention is None:
            return None
        now = np.asarray(attention).reshape(*self.log_prob.shape, 1, -1)
        return now if self.attention is None else np.concatenate([self.attention, now], axis=2)

    def _finish(
        self,
        ends: np.ndarray,
        parent: np.ndarray,
        log_prob: np.ndarray,
        attention: np.ndarray | None,
        rows: list[_Row],
        options: Search,
    ) -> None:
        """Add the answers that end at this step, at most (r, k), to their rows."""
        length, coverage = self.tokens.shape[2], self._coverage(attention)
        for number, place in zip(*np.nonzero(ends), strict=True):
            beam = parent[number, place]
            covered = None if coverage is None else coverage[number, beam]
            score = options.score(log_prob[number, place], length, covered)
            attended = None if attention is None else attention[number, beam, :-1]
            answer = Hypothesis(self.tokens[number, beam, 1:], float(score), attended)
            rows[self.rows[number]].finished.append(answer)

    def _close(self, rows: list[_Row], options: Search) -> None:
        """Close rows that reached their limit, have enough answers, or cannot get better ones."""
        for number, row in enumerate(self.rows):
            state, most = rows[row], self.log_prob[number].max()
            if not np.isfinite(most) or len(state.finished) >= options.beam:
                state.closed = True
            elif len(state.finished) >= options.n_best:
                # Log-probabilities only fall; a longer answer divides them by more.
                hope = options.score(most, state.limit + 1)
                state.closed = bool(hope <= state.best(options.n_best)[-1].score)

    def _coverage(self, attention: np.ndarray | None) -> np.ndarray | None:
        """Return the total attention on every source token, 1 for padding; (r, k, s)."""
        if attention is None:
            return None
        covered = attention.sum(axis=2)
        return covered if self.padding is None else covered + self.padding[:, None]

    def only(self, numbers: np.ndarray) -> _Beams:
        """Return only these rows."""
        width = self.log_prob.shape[1]
        indices = (numbers[:, None] * width + np.arange(width)).reshape(-1)
        return _Beams(
            rows=self.rows[numbers],
            tokens=self.tokens[numbers],
            log_prob=self.log_prob[numbers],
            states={name: value[indices] for name, value in self.states.items()},
            context={name: value[indices] for name, value in self.context.items()},
            attention=None if self.attention is None else self.attention[numbers],
            padding=None if self.padding is None else self.padding[numbers],
        )


def _largest(values: np.ndarray, count: int) -> np.ndarray:
    """Return indices of the largest values of each row, (r, count), in descending order."""
    indices = np.argpartition(values, -count, axis=1)[:, -count:]
    largest = np.take_along_axis(values, indices, axis=1)
    order = np.lexsort((indices, -largest), axis=1)  # ties by index
    return np.take_along_axis(indices, order, axis=1)
