"""Tags of the words of a sentence: their schemes, and the spans that they mean."""

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
    """A tag that cannot stand where it does.

    Attributes:
        place: number of its word in the sentence.
    """

    def __init__(self, place: int, problem: str) -> None:
        super().__init__(problem)
        self.place = place


def split(tag: str) -> tuple[str, str]:
    """Prefix and label: `B-PER` is ("B", "PER"), `O` is ("O", "").

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
    """Which scheme tags are in: `bioes` by its own prefixes, else the one they break less often.

    IOB1 (Ramshaw and Marcus 1995) has `B-` only where two entities of a label touch, IOB2 at the
    start of each. Tags that break neither are IOB2.

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
    """The tags with a `B-` at the start of each entity.

    An `I-` behind another label, or behind nothing, starts an entity: so IOB1 says it, and so
    reads every scorer what in IOB2 is a slip of the pen.

    Raises:
        TagError: a tag of no scheme, or (BIOES) an entity without its end or start.
    """
    found = _bioes_spans(tags) if scheme == "bioes" else spans(tags)
    out = [OUTSIDE] * len(tags)
    for label, start, end in found:
        out[start:end] = [f"B-{label}", *[f"I-{label}"] * (end - start - 1)]
    return out


def to_bioes(tags: Sequence[str]) -> list[str]:
    """IOB2 tags with the end of an entity marked (`E-`), and one of a single word (`S-`).

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
    """Entities of tags in any scheme, from left to right; what breaks a scheme starts an entity.

    Raises:
        TagError: a tag of no scheme.
    """
    found: list[Span] = []
    label, start = "", 0
    closed = True  # whether the next word cannot continue the entity
    for place, tag in enumerate(tags):
        prefix, here = _split_at(place, tag)
        if label and (closed or prefix in ("B", "S", OUTSIDE) or here != label):
            found.append(Span(label, start, place))
            label = ""
        if here and not label:
            label, start = here, place
        closed = prefix in ("E", "S")
    if label:
        found.append(Span(label, start, len(tags)))
    return found


def allowed(tags: Sequence[str]) -> tuple[list[list[bool]], list[bool], list[bool]]:
    """Which tags may follow which in one scheme: (from, to), and which may begin and end.

    Args:
        tags: the tag set, of IOB2 or of BIOES.
    """
    parts = [split(tag) for tag in tags]
    bioes = any(prefix in ("E", "S") for prefix, _ in parts)

    def follows(before: tuple[str, str], after: tuple[str, str]) -> bool:
        # An entity that is open has to go on in BIOES; it may stop anywhere in IOB2.
        is_open = before[0] in ("B", "I")
        goes_on = after[0] in ("I", "E")
        if goes_on:
            return is_open and before[1] == after[1]
        return not (bioes and is_open)

    nothing = (OUTSIDE, "")
    pairs = [[follows(before, after) for after in parts] for before in parts]
    return pairs, [follows(nothing, part) for part in parts], [follows(p, nothing) for p in parts]


def _bioes_spans(tags: Sequence[str]) -> list[Span]:
    found: list[Span] = []
    label, start = "", 0
    for place, tag in enumerate(tags):
        prefix, here = _split_at(place, tag)
        if prefix in ("I", "E") and here != label:
            raise TagError(place, f"tag {tag!r} continues no {here}; expected B- or S- first")
        if prefix in ("B", "S", OUTSIDE) and label:
            raise TagError(place, f"tag {tag!r} behind a {label} that has no end (E-{label})")
        if prefix == "B":
            label, start = here, place
        elif prefix == "S":
            found.append(Span(here, place, place + 1))
        elif prefix == "E":
            found.append(Span(here, start, place + 1))
            label = ""
    if label:
        raise TagError(len(tags) - 1, f"the sentence ends in a {label} that has no end (E-{label})")
    return found


def _split_at(place: int, tag: str) -> tuple[str, str]:
    try:
        return split(tag)
    except ValueError as error:
        raise TagError(place, str(error)) from None
