"""Greedy and beam search, held against trying everything."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tfapps.decoding.beam import Search, Stepped, search

START, END = 0, 1


class Table:
    """A decoder whose next token depends on the row, the step and the last two tokens."""

    def __init__(self, seed, rows, vocabulary, length, source=3):
        self.random = np.random.default_rng(seed)
        size = (rows, length + 1, vocabulary, vocabulary)
        scores = self.random.normal(0, 2, (*size, vocabulary))
        scores[..., START] = -np.inf
        self.log_probs = scores - np.log(np.exp(scores).sum(-1, keepdims=True))
        attention = self.random.random((rows, length + 1, vocabulary, source))
        self.attention = attention / attention.sum(-1, keepdims=True)
        self.calls = []

    def start(self):
        count = len(self.log_probs)
        states = {"step": np.zeros(count, int), "before": np.full(count, START)}
        return {"states": states, "context": {"row": np.arange(count)}}

    def __call__(self, token_ids, states, context):
        self.calls.append(len(token_ids))
        place = context["row"], states["step"], states["before"], token_ids
        after = {"step": states["step"] + 1, "before": token_ids}
        return Stepped(self.log_probs[place], after, self.attention[place[0], place[1], token_ids])


def every_answer(table, row, limit, options, source=None):
    """All answers of a row with their scores, the best first."""
    words = [w for w in range(table.log_probs.shape[-1]) if w not in (START, END)]
    actual = []
    for length in range(limit + 1):
        for answer in itertools.product(words, repeat=length):
            log_prob, before, last, covered = 0.0, START, START, 0.0
            for step, token in enumerate([*answer, END]):
                log_prob += table.log_probs[row, step, before, last, token]
                covered = covered + table.attention[row, step, last]
                before, last = last, token
            if source is not None:
                covered = np.where(source, covered, 1.0)
            actual.append((float(options.score(log_prob, length + 1, covered)), answer))
    return sorted(actual, key=lambda one: -one[0])


@settings(deadline=None, max_examples=60)
@given(
    seed=st.integers(0, 2**16),
    vocabulary=st.integers(3, 5),
    length_penalty=st.sampled_from([0.0, 0.6, 1.0, 2.0]),
    coverage_penalty=st.sampled_from([0.0, 0.4]),
)
def test_a_beam_as_wide_as_everything_finds_the_best(
    seed, vocabulary, length_penalty, coverage_penalty
):
    table = Table(seed, rows=2, vocabulary=vocabulary, length=4)
    options = Search(200, length_penalty, coverage_penalty, n_best=3)
    source = np.array([[1, 1, 0], [1, 0, 0]])
    limits = np.array([2, 4])
    actual = search(
        table,
        **table.start(),
        limits=limits,
        start_id=START,
        end_id=END,
        options=options,
        source_mask=source,
    )
    for row, answers in enumerate(actual):
        expected = every_answer(table, row, limits[row], options, source[row])
        best = [(one.score, tuple(one.token_ids)) for one in answers]
        assert [tokens for _, tokens in best] == [tokens for _, tokens in expected[: len(best)]]
        np.testing.assert_allclose([s for s, _ in best], [s for s, _ in expected[: len(best)]])
        assert len(best) == min(3, len(expected))


@settings(deadline=None, max_examples=40)
@given(seed=st.integers(0, 2**16))
def test_a_beam_of_one_takes_the_likeliest_token_each_time(seed):
    table = Table(seed, rows=3, vocabulary=6, length=8)
    options = Search(beam=1)
    limits = np.array([8, 3, 0])
    actual = search(
        table, **table.start(), limits=limits, start_id=START, end_id=END, options=options
    )
    for row, (answer,) in enumerate(actual):
        before, last, expected = START, START, []
        for step in range(limits[row]):
            token = int(table.log_probs[row, step, before, last].argmax())
            if token == END:
                break
            expected.append(token)
            before, last = last, token
        assert answer.token_ids.tolist() == expected


def test_rows_decode_alone_as_they_do_together():
    table = Table(1, rows=6, vocabulary=7, length=9)
    limits = np.arange(4, 10)
    options = Search(beam=3, n_best=2)
    start = table.start()
    inputs = {"start_id": START, "end_id": END, "options": options}
    together = search(table, **start, limits=limits, **inputs)
    for row in range(6):
        alone = {
            part: {name: value[row : row + 1] for name, value in arrays.items()}
            for part, arrays in start.items()
        }
        (answers,) = search(table, **alone, limits=limits[row : row + 1], **inputs)
        for one, other in zip(answers, together[row], strict=True):
            assert one.token_ids.tolist() == other.token_ids.tolist()
            assert one.score == other.score
            np.testing.assert_array_equal(one.attention, other.attention)


def test_finished_rows_cost_nothing_any_more():
    table = Table(2, rows=4, vocabulary=5, length=30)
    table.log_probs[:2, ..., END] = 0.0  # two rows end at once
    limits = np.full(4, 30)
    options = Search(beam=2)
    search(table, **table.start(), limits=limits, start_id=START, end_id=END, options=options)
    assert table.calls[0] == 8
    assert table.calls[2] <= 4


def test_attention_is_that_of_the_tokens_in_the_answer():
    table = Table(3, rows=1, vocabulary=6, length=8)
    options = Search(beam=4)
    ((answer,),) = search(
        table, **table.start(), limits=np.array([8]), start_id=START, end_id=END, options=options
    )
    lasts = [START, *answer.token_ids[:-1]]
    expected = [table.attention[0, step, last] for step, last in enumerate(lasts)]
    np.testing.assert_array_equal(answer.attention, expected)


def test_an_answer_at_its_limit_ends_there():
    table = Table(4, rows=1, vocabulary=4, length=5)
    table.log_probs[..., END] = -1000.0
    options = Search(beam=3, n_best=3)
    inputs = {"start_id": START, "end_id": END, "options": options}
    (answers,) = search(table, **table.start(), limits=np.array([3]), **inputs)
    assert [len(answer.token_ids) for answer in answers] == [3, 3, 3]
    assert all(answer.score < -500 for answer in answers)


def test_more_answers_than_the_beam_is_wide_are_refused():
    with pytest.raises(ValueError, match="n_best 4: expected 1 to beam, 3"):
        Search(beam=3, n_best=4)
