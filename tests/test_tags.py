"""Tag schemes: their meaning, their detection, and the errors of invalid tags."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfapps.text import tags
from tfapps.text.tags import Span, TagError

SENTENCE = [
    ("iob1", "I-PER I-PER O I-LOC B-LOC I-LOC O"),
    ("iob2", "B-PER I-PER O B-LOC B-LOC I-LOC O"),
    ("bioes", "B-PER E-PER O S-LOC B-LOC E-LOC O"),
]
SPANS = [Span("PER", 0, 2), Span("LOC", 3, 4), Span("LOC", 4, 6)]


@pytest.mark.parametrize(("scheme", "text"), SENTENCE)
def test_one_sentence_in_every_scheme(scheme, text):
    assert tags.scheme_of([text.split()]) == scheme
    assert tags.spans(text.split()) == SPANS
    assert tags.to_iob2(text.split(), scheme) == SENTENCE[1][1].split()


def test_a_few_slips_do_not_change_the_scheme():
    """As in the published files: CoNLL-2003 has two B- that IOB1 does not ask for."""
    iob1 = [["I-A", "O"]] * 5 + [["O", "B-A"]]
    iob2 = [["B-A", "O"]] * 5 + [["O", "I-A"]]
    assert (tags.scheme_of(iob1), tags.scheme_of(iob2)) == ("iob1", "iob2")


@st.composite
def entities(draw):
    """Words with entities on them: (count, spans)."""
    spans, place = [], 0
    for _ in range(draw(st.integers(0, 5))):
        place += draw(st.integers(0, 2))
        length = draw(st.integers(1, 3))
        spans.append(Span(draw(st.sampled_from("XYZ")), place, place + length))
        place += length
    return place + draw(st.integers(0, 2)), spans


@given(entities())
def test_entities_come_back_from_every_scheme(given_entities):
    count, spans = given_entities
    iob2 = ["O"] * count
    for label, start, end in spans:
        iob2[start:end] = [f"B-{label}", *[f"I-{label}"] * (end - start - 1)]
    assert tags.spans(iob2) == spans
    bioes = tags.to_bioes(iob2)
    assert tags.spans(bioes) == spans
    assert tags.to_iob2(bioes, "bioes") == iob2


@pytest.mark.parametrize("scheme", ["iob2", "bioes"])
def test_allowed_is_what_the_scheme_can_say(scheme):
    """All sequences of three tags: those that spell entities are those made of allowed steps."""
    prefixes = "BI" if scheme == "iob2" else "BIES"
    names = ["O", *(f"{prefix}-{label}" for label in "XY" for prefix in prefixes)]
    pairs, starts, ends = tags.allowed(names)
    for numbers in itertools.product(range(len(names)), repeat=3):
        allowed_tags = [names[number] for number in numbers]
        ok = starts[numbers[0]] and ends[numbers[-1]]
        ok = ok and all(pairs[a][b] for a, b in itertools.pairwise(numbers))
        try:
            iob2 = tags.to_iob2(allowed_tags, scheme)
            right = (tags.to_bioes(iob2) if scheme == "bioes" else iob2) == allowed_tags
        except TagError:
            right = False
        assert ok == right, allowed_tags


def test_something_may_always_follow():
    for prefixes in ("BI", "BIES"):
        pairs, starts, ends = tags.allowed(["O", *(f"{prefix}-X" for prefix in prefixes)])
        assert np.array(pairs).any(axis=1).all()
        assert any(starts)
        assert any(ends)


@pytest.mark.parametrize(
    ("tags_read", "scheme", "place", "message"),
    [
        ("O PER", "iob2", 1, r"tag 'PER', expected O, or B-, I-, E- or S- with a label \(B-PER\)"),
        ("B-", "iob1", 0, "tag 'B-', expected O"),
        ("X-PER", "iob2", 0, "tag 'X-PER', expected O"),
        ("", "iob2", 0, "tag '', expected O"),
        ("B-A O", "bioes", 1, r"tag 'O' after a A that has no end \(E-A\)"),
        ("O E-A", "bioes", 1, "tag 'E-A' continues no A; expected B- or S- first"),
        ("B-A E-B", "bioes", 1, "tag 'E-B' continues no B"),
        ("S-A B-A", "bioes", 1, r"the sentence ends in a A that has no end \(E-A\)"),
    ],
)
def test_refused_with_the_place(tags_read, scheme, place, message):
    with pytest.raises(TagError, match=message) as raised:
        tags.to_iob2(tags_read.split(" "), scheme)
    assert raised.value.place == place
