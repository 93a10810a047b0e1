"""Tags of the words of a sentence: their schemes and their spans."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

OUTSIDE = "O"


class Span(NamedTuple):
    """A labelled run of words, `start` to before `end`."""

    label: str
    start: int
    end: int


class TagError(ValueError):
    """A tag that is invalid at its position.

    Attributes:
        place: index of its word in the sentence.
    """

    def __init__(self, place: int, problem: str) -> None:
        super().__init__(problem)
        self.place = place


def split(tag: str) -> tuple[str, str]:
    """Return prefix and label: `B-PER` is ("B", "PER"), `O` is ("O", "").

    Raises:
        ValueError: the tag has no such form.
    """
    if tag == OUTSIDE:
        return OUTSIDE, ""
    prefix, dash, label = tag.partition("-")
    if prefix not in ("B", "I", "E", "S") or not dash or not label:
        raise ValueError(f"tag {tag!r}, expected O, or B-, I-, E- or S- with a label (B-PER)")
    return prefix, label


def scheme_of(sentences: Iterable[Sequence[str]]) -> str:
    """Return the scheme of tags: `bioes` by its prefixes, else the one they violate less often.

    IOB1 (Ramshaw and Marcus 1995) has `B-` only where two entities of a label touch, IOB2 at the
    start of each. Tags that violate neither are IOB2.

    Raises:
        TagError: a tag of no scheme.
    """
    begins = inside = 0  # entities that start with B-, with I-, where nothing of theirs ended
    for tags in sentences:
        before = ""
        for place, tag in enumerate(tags):
            prefix, label = _split_at(place, tag)
            if prefix in ("E", "S"):
                return "bioes"
            begins += prefix == "B" and label != before
            inside += prefix == "I" and label != before
            before = label
    return "iob1" if inside > begins else "iob2"


def to_iob2(tags: Sequence[str], scheme: str) -> list[str]:
    """Return the tags with a `B-` at the start of each entity.

    An `I-` after another label, or at the start, starts an entity: IOB1 defines it so, and
    scorers read mistakes in IOB2 in the same way.

    Raises:
        TagError: a tag of no scheme, or (BIOES) an entity without its end or start.
    """
    entities = _bioes_spans(tags) if scheme == "bioes" else spans(tags)
    out = [OUTSIDE] * len(tags)
    for label, start, end in entities:
        out[start:end] = [f"B-{label}", *[f"I-{label}"] * (end - start - 1)]
    return out


def to_bioes(tags: Sequence[str]) -> list[str]:
    """Return IOB2 tags with ends of entities (`E-`) and single-word entities (`S-`) marked.

    Example: `to_bioes(["B-PER", "I-PER", "B-LOC"])` is `["B-PER", "E-PER", "S-LOC"]`.
    """
    out = [OUTSIDE] * len(tags)
    for label, start, end in spans(tags):
        if end - start == 1:
            out[start] = f"S-{label}"
        else:
            out[start:end] = [f"B-{label}", *[f"I-{label}"] * (end - start - 2), f"E-{label}"]
    return out


def spans(tags: Sequence[str]) -> list[Span]:
    """Return the entities of tags in any scheme, in order; a violation starts a new entity.

    Raises:
        TagError: a tag of no scheme.
    """
    entities: list[Span] = []
    label, start = "", 0
    closed = True  # whether the next word cannot continue the entity
    for place, tag in enumerate(tags):
        prefix, here = _split_at(place, tag)
        if label and (closed or prefix in ("B", "S", OUTSIDE) or here != label):
            entities.append(Span(label, start, place))
            label = ""
        if here and not label:
            label, start = here, place
        closed = prefix in ("E", "S")
    if label:
        entities.append(Span(label, start, len(tags)))
    return entities


def allowed(tags: Sequence[str]) -> tuple[list[list[bool]], list[bool], list[bool]]:
    """Return which tags may follow which: (from, to), and which may start and end a sentence.

    Args:
        tags: the tag set, of IOB2 or of BIOES.
    """
    parts = [split(tag) for tag in tags]
    bioes = any(prefix in ("E", "S") for prefix, _ in parts)

    def follows(before: tuple[str, str], after: tuple[str, str]) -> bool:
        # An open entity must continue in BIOES; it may stop anywhere in IOB2.
        is_open = before[0] in ("B", "I")
        goes_on = after[0] in ("I", "E")
        if goes_on:
            return is_open and before[1] == after[1]
        return not (bioes and is_open)

    nothing = (OUTSIDE, "")
    pairs = [[follows(before, after) for after in parts] for before in parts]
    return pairs, [follows(nothing, part) for part in parts], [follows(p, nothing) for p in parts]


def _bioes_spans(tags: Sequence[str]) -> list[Span]:
    entities: list[Span] = []
    label, start = "", 0
    for place, tag in enumerate(tags):
        prefix, here = _split_at(place, tag)
        if prefix in ("I", "E") and here != label:
            raise TagError(place, f"tag {tag!r} continues no {here}; expected B- or S- first")
        if prefix in ("B", "S", OUTSIDE) and label:
            raise TagError(place, f"tag {tag!r} after a {label} that has no end (E-{label})")
        if prefix == "B":
            label, start = here, place
        elif prefix == "S":
            entities.append(Span(here, place, place + 1))
        elif prefix == "E":
            entities.append(Span(here, start, place + 1))
            label = ""
    if label:
        raise TagError(len(tags) - 1, f"the sentence ends in a {label} that has no end (E-{label})")
    return entities


def _split_at(place: int, tag: str) -> tuple[str, str]:
    try:
        return split(tag)
    except ValueError as error:
        raise TagError(place, str(error)) from None
