"""Guesses what the columns of a data file hold: texts, labels, numbers, tagged words."""

from __future__ import annotations

import functools
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

import regex

from tfapps.errors import InputError
from tfapps.text.languages import UNSPACED

Kind = Literal["text", "labels", "numbers", "lists", "row numbers", "names", "one value", "nothing"]
# Names that people give to such columns, the most telling first.
TEXTS = (
    *("text", "texts", "sentence", "message", "utterance", "tweet", "review", "comment"),
    *("question", "query", "body", "content", "document", "description"),
)
LABELS = (
    *("label", "labels", "class", "category", "intent", "target", "topic", "topics", "sentiment"),
    *("queue", "department", "score", "rating", "stars", "tags", "tag", "type"),
)
PAIRS = (
    *(("text", "text_pair"), ("premise", "hypothesis"), ("question", "answer")),
    *(("query", "passage"), ("question", "sentence"), ("query", "document")),
)
LOOKED_AT = 2000  # values whose words are counted
FEW = 20  # different whole numbers are classes, more are amounts
MARKS = ";|,"  # between several labels of a row
REPEATED = 0.5  # most different values a row, of labels
LONG_REPEATED = 0.2  # the same of labels of 3 words or more: short texts repeat each other too
LONGEST = 6  # words of a label, on average
WORDS_OF_A_TEXT = 2  # at least, on average
SIMILAR = 0.5  # of the words of the longest text column: a shorter one is no rival
_WORD = regex.compile(rf"(?V1)[{UNSPACED}]|[\p{{L}}--[{UNSPACED}]]+")


class Column:
    """The values of a column, one a row; None and blank texts are empty.

    Args:
        name: in the header, or the key of JSON.
        values: in the order of the rows.
    """

    def __init__(self, name: str, values: Sequence[Any]) -> None:
        self.name, self.values = name, values
        self.filled = [value for value in values if not _is_empty(value)]

    @functools.cached_property
    def counts(self) -> Counter[str]:
        """Return how often each value occurs."""
        return Counter(map(str, self.filled))

    @functools.cached_property
    def words(self) -> float:
        """Return the mean number of words of a value."""
        texts = self.filled[:LOOKED_AT]
        return sum(len(_WORD.findall(str(text))) for text in texts) / max(1, len(texts))

    @functools.cached_property
    def numeric(self) -> bool:
        """Return whether all values are numbers."""
        return all(_is_number(value) for value in self.filled)

    @functools.cached_property
    def kind(self) -> Kind:
        """Return what the values most likely are."""
        if not self.filled:
            return "nothing"
        if any(isinstance(value, list | dict) for value in self.filled):
            return "lists"
        if len(self.counts) == 1:
            return "one value"
        if self.numeric:
            return self._kind_of_numbers([float(value) for value in self.filled])
        if self._repeats(self.counts) or any(map(self._repeats, map(self._parts, MARKS))):
            return "labels"
        return "text" if self.words >= WORDS_OF_A_TEXT else "names"

    def _repeats(self, counts: Counter[str]) -> bool:
        """Return whether values are few and short, as labels are."""
        words = sum(len(_WORD.findall(value)) * count for value, count in counts.items())
        share = LONG_REPEATED if words >= 3 * counts.total() else REPEATED
        return 0 < len(counts) <= share * len(self.filled) and words <= LONGEST * counts.total()

    def _parts(self, mark: str) -> Counter[str]:
        """Return the parts of values that hold several labels, with a mark between."""
        joined = [value for value in self.counts if mark in value]
        if not joined:
            return Counter()
        return Counter(part.strip() for value in self.counts for part in value.split(mark))

    def _kind_of_numbers(self, numbers: Sequence[float]) -> Kind:
        different, whole = set(numbers), all(number.is_integer() for number in numbers)
        if whole and len(different) == len(numbers) > 2:
            return "row numbers"
        if whole and len(different) <= FEW:
            return "labels"
        return "numbers"

    def __str__(self) -> str:
        many = f"{len(self.counts)} different" if self.kind == "labels" else self.kind
        return f"{self.name} ({f'{self.words:.0f} words' if self.kind == 'text' else many})"


class Reading(NamedTuple):
    """What the config of a task says of a table.

    Attributes:
        likely: 0 to 1; the task with the highest is chosen, and one of 0 only if it is asked for.
        data: options of the section `data:`; a `source` among them replaces that of the file.
        task: options of the section `task:`.
    """

    likely: float
    data: dict[str, Any]
    task: Mapping[str, Any] = MappingProxyType({})


class Table:
    """The columns of a data file, and which of them the user named.

    Args:
        where: the file, for messages.
        columns: values by name.
        tagged: the file has words with tags, by its own rules.
        text, pair, label: names of columns, given by the user.

    Raises:
        InputError: the user named a column that does not exist.
    """

    def __init__(
        self,
        where: str,
        columns: Mapping[str, Sequence[Any]],
        *,
        tagged: bool = False,
        text: Sequence[str] = (),
        pair: str | None = None,
        label: str | None = None,
    ) -> None:
        self.where, self.tagged = where, tagged
        self.columns = {name: Column(name, values) for name, values in columns.items()}
        self._text, self._pair, self._label = list(text), pair, label
        options = [*(("--text", name) for name in text), ("--pair", pair), ("--label", label)]
        for option, name in options:
            if name is not None and name not in self.columns:
                raise InputError(f"{option} {name}: {where} has no such column; {self.shown()}")

    @property
    def named(self) -> list[str]:
        """Return the columns that the user named, texts first."""
        return [name for name in (*self._text, self._pair, self._label) if name is not None]

    def of_kind(self, *kinds: Kind) -> list[str]:
        """Return the names of the columns of these kinds, in the order of the file."""
        return [name for name, column in self.columns.items() if column.kind in kinds]

    def texts(self) -> tuple[list[str], str | None]:
        """Return the columns that are the text, joined, and that of the second text of a pair.

        Raises:
            InputError: no column is text, or several may be.
        """
        if self._text:
            return self._text, self._pair
        others = {self._pair, self._label}
        candidates = [name for name in self.of_kind("text") if name not in others]
        if not candidates:
            raise InputError(
                f"{self.where}: no column looks like text; {self.shown()}; give --text NAME"
            )
        pair = None if self._pair else _pair(candidates)
        if pair:
            return [pair[0]], pair[1]
        known = [name for name in TEXTS for real in candidates if real.lower() == name]
        longest = max(self.columns[name].words for name in candidates)
        rivals = [n for n in candidates if self.columns[n].words >= SIMILAR * longest]
        if known:
            rivals = [next(name for name in candidates if name.lower() == known[0])]
        if len(rivals) > 1:
            one, other, *_ = rivals
            raise InputError(
                f"{self.where}: {len(rivals)} columns may be the text: {self._list(rivals)}; give "
                f"--text {_quoted(one)}, or --text {_quoted(one)} --text {_quoted(other)} to join "
                f"them, or --text {_quoted(one)} --pair {_quoted(other)} for pairs of texts"
                f"{'' if self.of_kind('labels') else '; or is this --task translation?'}"
            )
        return rivals, self._pair

    def label(self, *kinds: Kind) -> str:
        """Return the column of labels, among those of some kinds; by default all there are.

        Raises:
            InputError: no column looks like labels, or several do.
        """
        if self._label is not None:
            return self._label
        name = self._guessed_label(kinds or ("labels", "numbers", "lists"))
        if name in self.columns[name].counts and name.lower() not in LABELS:
            raise InputError(
                f"{self.where}: the first line looks like a row, because {name!r} is also a value "
                "of its column; put a line with the names of the columns on top, such as text,label"
            )
        return name

    def _guessed_label(self, kinds: Sequence[Kind]) -> str:
        others = {*self._text, self._pair}
        candidates = [name for name in self.of_kind(*kinds) if name not in others]
        known = [real for name in LABELS for real in candidates if real.lower() == name]
        if known or len(candidates) == 1:
            return (known or candidates)[0]
        if not candidates:
            raise InputError(
                f"{self.where}: no column looks like labels, a few values that repeat, or numbers; "
                f"{self.shown()}; give --label NAME"
            )
        raise InputError(
            f"{self.where}: {len(candidates)} columns may be the label: {self._list(candidates)}; "
            f"give --label {_quoted(candidates[0])}, say"
        )

    def lists(self) -> tuple[str, str] | None:
        """Return the columns with the words of sentences and with their tags; None without."""
        named = [name for name in self.of_kind("lists") if _holds_texts(self.columns[name])]
        if len(named) < 2:
            return None
        different = {name: len(_items(self.columns[name])) for name in named}
        given = [name for name in (*self._text[:1], self._label) if name in named]
        tags = min(named, key=lambda name: (name != self._label, _rank(name), different[name]))
        words = max(named, key=lambda name: (name in given and name != tags, different[name]))
        fits = words != tags and all(
            len(one) == len(other)
            for one, other in zip(
                self.columns[words].values, self.columns[tags].values, strict=True
            )
        )
        return (words, tags) if fits else None

    def _list(self, names: Sequence[str]) -> str:
        return ", ".join(str(self.columns[name]) for name in names)

    def shown(self) -> str:
        """Return all columns and their contents, for messages."""
        return f"columns: {self._list(list(self.columns))}"


def _pair(names: Sequence[str]) -> tuple[str, str] | None:
    """Return two columns whose names say that they are the two texts of a pair."""
    lower = {name.lower(): name for name in names}
    for one, other in PAIRS:
        if one in lower and other in lower:
            return lower[one], lower[other]
    for one in names:
        for other in names:
            same = one[:-1] == other[:-1] and len(one) > 1
            if same and (one[-1].lower(), other[-1].lower()) in (("1", "2"), ("a", "b")):
                return one, other
    return None


def _rank(name: str) -> int:
    return 0 if any(word in name.lower() for word in ("tag", "label", "ner", "slot")) else 1


def _holds_texts(column: Column) -> bool:
    return all(
        isinstance(value, list) and all(isinstance(item, str) for item in value)
        for value in column.values[:LOOKED_AT]
    )


def _items(column: Column) -> set[str]:
    return {item for value in column.values[:LOOKED_AT] for item in value}


def _is_empty(value: Any) -> bool:
    if isinstance(value, float) and math.isnan(value):
        return True
    return value is None or (isinstance(value, str) and not value.strip())


def _is_number(value: Any) -> bool:
    if isinstance(value, bool):
        return False
    try:
        return math.isfinite(float(value))
    except (TypeError, ValueError):
        return False


def _quoted(name: str) -> str:
    return name if name.isidentifier() else f'"{name}"'
