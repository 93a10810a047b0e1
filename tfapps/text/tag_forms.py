"""Converts tags in all forms that files use to IOB2."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from tfapps.text import tags as schemes
from tfapps.text.tags import OUTSIDE, TagError

UNNAMED = "entity"  # label of entities whose tags are only a letter
MOST_TYPES = 200  # more bare types are likely the words of another column
# BIOES and its variants: BILOU, BMEWO and BMES use other letters for the same four positions.
_LETTERS = {"B": "B", "I": "I", "M": "I", "E": "E", "L": "E", "S": "S", "U": "S", "W": "S"}
_PREFIXED = re.compile(rf"([{''.join(_LETTERS)}])-(.+)", re.DOTALL)
_SUFFIXED = re.compile(rf"(.+)-([{''.join(_LETTERS)}])", re.DOTALL)
DESCRIPTIONS = {
    "prefix": "a letter and a label (B-PER)",
    "suffix": "a label and a letter (PER-B)",
    "letter": f"letters alone (B, I, O), of entities with the label {UNNAMED!r}",
    "bare": "labels alone (PER), a run of equal ones being one entity",
}


@dataclass(frozen=True)
class TagForm:
    """How the tags of a file are written.

    Attributes:
        kind: key of `DESCRIPTIONS`.
        types: number of distinct tags in the file.
        lower: whether letters are `b`, `i`, `o` and so on.
        mark: separator of letter and label.
    """

    kind: str
    types: int
    lower: bool = False
    mark: str = "-"

    @property
    def usual(self) -> bool:
        """Return whether tags are written as in `B-PER`."""
        return self == TagForm("prefix", self.types)

    @property
    def description(self) -> str:
        """Return how tags are written, for the log."""
        parts = [DESCRIPTIONS[self.kind]]
        parts += ["in lower case"] if self.lower else []
        parts += [f"with {self.mark} between"] if self.mark != "-" else []
        return ", ".join(parts)

    def rewrite(self, tags: Sequence[str], name: Callable[[str], str]) -> list[str]:
        """Return tags as `tags.split` reads them: O, or B-, I-, E- or S- before a label.

        Args:
            tags: of a sentence.
            name: gives a label its normal spelling.

        Raises:
            TagError: a tag of another form.
        """
        return [self._rewrite_one(place, tag, name) for place, tag in enumerate(tags)]

    def _rewrite_one(self, place: int, written: str, name: Callable[[str], str]) -> str:
        tag = _usual(written, self.kind, self.lower, self.mark)
        if tag == OUTSIDE:
            return tag
        letter, label = "", ""
        if self.kind == "bare":
            letter, label = "I", tag
        elif self.kind == "letter" and tag in _LETTERS:
            letter, label = tag, UNNAMED
        elif self.kind == "suffix" and (match := _SUFFIXED.fullmatch(tag)):
            label, letter = match.groups()
        elif self.kind == "prefix" and (match := _PREFIXED.fullmatch(tag)):
            letter, label = match.groups()
        label = name(label) if label else ""
        if label:
            return f"{_LETTERS[letter]}-{label}"
        expected = DESCRIPTIONS[self.kind]
        if self.kind == "prefix":
            expected = "B-, I-, E- or S- with a label (B-PER)"
        hint = "; if labels stand alone, set data.scheme: bare" if tag else ""
        raise TagError(place, f"tag {written!r}, expected O, or {expected}{hint}")


def detect(sentences: Iterable[Sequence[str]], scheme: str) -> TagForm:
    """Return the form of the tags of a file.

    Args:
        sentences: their tags.
        scheme: `bare`, another scheme, or `auto`; only `auto` may detect bare tags.
    """
    types = {tag for tags in sentences for tag in tags} - {OUTSIDE}
    if scheme == "bare":
        kind = "bare"
    elif types and types <= _LETTERS.keys() and types & {"B", "I"}:
        kind = "letter"
    elif any(_PREFIXED.fullmatch(tag) for tag in types):
        kind = "prefix"
    elif any(tag.endswith(("-B", "-I")) for tag in types):
        kind = "suffix"
    elif (variant := _variant(types)) is not None:
        return variant
    elif types and all(types) and scheme == "auto":
        kind = "bare"
    else:
        kind = "prefix"
    return TagForm(kind, len(types))


def _variant(types: set[str]) -> TagForm | None:
    """Return the form of tags in lower case or with `_`, if all have it; else None."""
    for lower, mark in ((True, "-"), (False, "_"), (True, "_")):
        for kind, pattern, marks in (
            ("prefix", _PREFIXED, ("B-", "I-")),
            ("suffix", _SUFFIXED, ("-B", "-I")),
        ):
            usual = {_usual(tag, kind, lower, mark) for tag in types} - {OUTSIDE}
            cut = slice(2) if kind == "prefix" else slice(-2, None)
            begins = any(tag[cut] in marks for tag in usual)
            if begins and all(map(pattern.fullmatch, usual)):
                return TagForm(kind, len(types), lower, mark)
    if "o" in types and types <= {letter.lower() for letter in (*_LETTERS, OUTSIDE)}:
        return TagForm("letter", len(types), lower=True)
    return None


def _usual(tag: str, kind: str, lower: bool, mark: str) -> str:
    """Return a tag in its usual form: its letter in upper case, separated by `-`."""
    if lower and tag in ("o", *map(str.lower, _LETTERS)):
        return tag.upper()
    head, separator, tail = tag.partition(mark) if kind == "prefix" else tag.rpartition(mark)
    letter = head if kind == "prefix" else tail
    if kind not in ("prefix", "suffix") or not separator or len(letter) != 1:
        return tag
    if lower and letter.islower():
        letter = letter.upper()
    elif lower:
        return tag
    return f"{letter}-{tail}" if kind == "prefix" else f"{head}-{letter}"


def to_iob2(tags: Sequence[str], form: TagForm, scheme: str) -> list[str]:
    """Return rewritten tags in IOB2.

    Args:
        tags: of a sentence, as `TagForm.rewrite` gives them.
        form: of the file.
        scheme: iob1, iob2, bioes or bare.

    Raises:
        TagError: a tag that is invalid at its position.
    """
    try:
        return schemes.to_iob2(tags, "iob1" if form.kind == "bare" else scheme)
    except TagError as error:
        raise TagError(
            error.place, f"{error} (letters as in BIOES: L means E, U and W mean S, M means I)"
        ) from None
