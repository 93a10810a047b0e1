"""Learning a vocabulary: the same texts give the same one in every process."""

from __future__ import annotations

import itertools
import json
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path

import tokenizers
from tokenizers import models, pre_tokenizers, trainers

from tfapps.errors import InputError
from tfapps.text import lines

BLANK = "▁"  # the mark of a blank in pieces that bring their own blanks
COPIES = 10_000  # of a word in one text for the library
LONGEST_WORD = 100  # characters; BERT maps longer words to [UNK], so no word has more pieces


class TooLargeError(InputError):
    """A vocabulary that the text cannot fill.

    Attributes:
        possible: how many pieces it can fill.
    """

    def __init__(self, size: int, possible: int, min_frequency: int) -> None:
        super().__init__(
            f"vocabulary_size {size} is more than the text can fill: it gives {possible} "
            f"pieces with min_frequency {min_frequency}; set vocabulary_size to "
            f"{possible} or less, or add text"
        )
        self.possible = possible


def parts(inner: tokenizers.Tokenizer, text: str) -> list[str]:
    """Words (or characters) of a text, as the pipeline splits it."""
    normal = inner.normalizer.normalize_str(text)
    return [word for word, _ in inner.pre_tokenizer.pre_tokenize_str(normal)]


def count(inner: tokenizers.Tokenizer, words: Mapping[str, int], whole: bool) -> Counter[str]:
    """The same of words that occur so often; `whole` leaves each as one."""
    counts: Counter[str] = Counter()
    for word, times in words.items():
        found = [inner.normalizer.normalize_str(word)] if whole else parts(inner, word)
        for part in found:
            counts[part] += times
    counts.pop("", None)
    return counts


def ranked(counts: Counter[str], min_frequency: int) -> list[str]:
    """Most frequent first, ties alphabetical."""
    kept = [token for token, count in counts.items() if count >= min_frequency]
    return sorted(kept, key=lambda token: (-counts[token], token))


def wordpiece(
    counts: Counter[str], specials: Sequence[str], size: int, min_frequency: int
) -> dict[str, int]:
    """A WordPiece vocabulary out of counted words.

    The library numbers the pieces `##x` in hash order, which differs from process to process and
    decides ties between merges; naming them first, as if they were special, fixes their order.
    """
    # Longer words are [UNK] when encoded, so they have nothing to teach.
    counts = Counter({w: n for w, n in counts.items() if len(w) <= LONGEST_WORD})
    frequency: Counter[str] = Counter()
    inside: set[str] = set()
    for word, count in counts.items():
        inside.update(word[1:])
        for letter in word:
            frequency[letter] += count
    letters, following, left = [], [], max(2, (size - len(specials)) * 3 // 4)
    for letter in ranked(frequency, 1):
        left -= 2 if letter in inside else 1
        if left < 0:
            break
        letters.append(letter)
        if letter in inside:
            following.append("##" + letter)
    trainer = trainers.WordPieceTrainer(
        vocab_size=size,
        min_frequency=min_frequency,
        special_tokens=[*specials, *following],
        initial_alphabet=letters,
        limit_alphabet=len(letters),
        show_progress=False,
    )
    return _numbered(_trained(models.WordPiece(), trainer, counts))


def bpe(
    counts: Counter[str], specials: Sequence[str], size: int, min_frequency: int
) -> tuple[dict[str, int], list[tuple[str, str]]]:
    """A byte-pair vocabulary out of counted words that bring their blanks, and its merges.

    Characters rarer than min_frequency are left out: [UNK] is learned from their places.

    Raises:
        InputError: the words don't have so many pieces.
    """
    frequency: Counter[str] = Counter()
    for word, count in counts.items():
        for letter in word:
            frequency[letter] += count
    del frequency[BLANK]
    letters = [BLANK, *ranked(frequency, min_frequency)][: size - len(specials)]
    trainer = trainers.BpeTrainer(
        vocab_size=size,
        min_frequency=min_frequency,
        special_tokens=list(specials),
        initial_alphabet=letters,
        limit_alphabet=len(letters),
        show_progress=False,
    )
    inner = _trained(models.BPE(), trainer, counts)
    vocabulary = _numbered(inner)
    if len(vocabulary) < size:
        raise TooLargeError(size, len(vocabulary), min_frequency)
    merges = json.loads(inner.to_str())["model"]["merges"]
    return vocabulary, [(first, second) for first, second in merges]


def _trained(
    model: models.Model, trainer: trainers.Trainer, counts: Counter[str]
) -> tokenizers.Tokenizer:
    inner = tokenizers.Tokenizer(model)
    inner.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    inner.train_from_iterator(_copies(counts), trainer)
    return inner


def _copies(counts: Counter[str]) -> Iterator[str]:
    """Each word as often as it was counted, in texts of bounded length: the library counts anew."""
    for word, count in sorted(counts.items()):
        whole, rest = divmod(count, COPIES)
        if whole:
            yield from itertools.repeat(" ".join([word] * COPIES), whole)
        if rest:
            yield " ".join([word] * rest)


def _numbered(inner: tokenizers.Tokenizer) -> dict[str, int]:
    found = inner.get_vocab()
    return {token: i for i, token in enumerate(sorted(found, key=found.__getitem__))}


def spelling(pieces: Collection[str], specials: Collection[str]) -> list[str]:
    """The pieces that no WordPiece vocabulary can do without, in their order.

    Specials, single characters and their `##` forms, and pieces with a character that has no piece
    of its own. With them, a word spelt in characters that all have one never becomes unknown,
    whatever else is left out: there is always a match of at least one character. A word with
    another character may change either way, as its longest matches change.
    """
    there = frozenset(pieces)

    def alone(piece: str) -> list[str]:
        inside = piece.startswith("##") and len(piece) > 2
        first, rest = (piece[:3], piece[3:]) if inside else (piece[:1], piece[1:])
        return [first, *("##" + letter for letter in rest)]

    return [
        piece
        for piece in pieces
        if piece in specials or alone(piece) == [piece] or not there.issuperset(alone(piece))
    ]


def read(path: str | Path, required: Sequence[str]) -> dict[str, int]:
    """A WordPiece vocabulary file, one piece a line; the line of a piece is its id.

    Args:
        path: the file.
        required: pieces that must be there, the first of them on the first line.

    Raises:
        InputError: the file is missing, is not text, or lacks a required piece.
    """
    try:
        pieces = lines.split(Path(path).read_bytes().decode("utf-8"))
    except OSError as error:
        raise InputError(f"cannot read vocabulary {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not UTF-8 text, expected one piece a line") from error
    vocabulary = {piece: number for number, piece in enumerate(pieces)}
    missing = [token for token in required if token not in vocabulary]
    if missing:
        raise InputError(f"{path}: no line {', '.join(missing)}; not BERT's vocabulary?")
    if vocabulary[required[0]] != 0:
        line = vocabulary[required[0]] + 1
        raise InputError(f"{path}: {required[0]} is line {line}, expected line 1")
    return vocabulary
