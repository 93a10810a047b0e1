"""Learns vocabularies; the same texts give the same vocabulary in every process."""

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

BLANK = "▁"  # the mark of a blank in pieces that include their blanks
COPIES = 10_000  # of a word in one text passed to the library
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
    """Return the words (or characters) of a text, as the pipeline splits it."""
    normal = inner.normalizer.normalize_str(text)
    return [word for word, _ in inner.pre_tokenizer.pre_tokenize_str(normal)]


def count(inner: tokenizers.Tokenizer, words: Mapping[str, int], keep_whole: bool) -> Counter[str]:
    """Return counts of parts for counted words; `keep_whole` does not split them."""
    counts: Counter[str] = Counter()
    for word, times in words.items():
        tokens = [inner.normalizer.normalize_str(word)] if keep_whole else parts(inner, word)
        for part in tokens:
            counts[part] += times
    counts.pop("", None)
    return counts


def ranked(counts: Counter[str], min_frequency: int) -> list[str]:
    """Return tokens by descending frequency, ties in alphabetical order."""
    frequent = [token for token, count in counts.items() if count >= min_frequency]
    return sorted(frequent, key=lambda token: (-counts[token], token))


def wordpiece(
    counts: Counter[str], specials: Sequence[str], size: int, min_frequency: int
) -> dict[str, int]:
    """Learn a WordPiece vocabulary from counted words.

    The library numbers the pieces `##x` in hash order, which differs from process to process and
    decides ties between merges; naming them first, as if they were special, fixes their order.
    """
    # Longer words are encoded as [UNK], so they are not needed.
    counts = Counter({w: n for w, n in counts.items() if len(w) <= LONGEST_WORD})
    frequency: Counter[str] = Counter()
    inside: set[str] = set()
    for word, count in counts.items():
        inside.update(word[1:])
        for letter in word:
            frequency[letter] += count
    letters, following, room = [], [], max(2, (size - len(specials)) * 3 // 4)
    for letter in ranked(frequency, 1):
        room -= 2 if letter in inside else 1
        if room < 0:
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
    """Learn a byte-pair vocabulary and its merges from counted words that include their blanks.

    Characters rarer than min_frequency are left out: [UNK] is learned from them.

    Raises:
        InputError: the words have fewer pieces than `size`.
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
    """Yield each word as often as it was counted, in texts of limited length."""
    for word, count in sorted(counts.items()):
        full_texts, rest = divmod(count, COPIES)
        if full_texts:
            yield from itertools.repeat(" ".join([word] * COPIES), full_texts)
        if rest:
            yield " ".join([word] * rest)


def _numbered(inner: tokenizers.Tokenizer) -> dict[str, int]:
    ids = inner.get_vocab()
    return {token: i for i, token in enumerate(sorted(ids, key=ids.__getitem__))}


def spelling(pieces: Collection[str], specials: Collection[str]) -> list[str]:
    """Return the pieces that a WordPiece vocabulary needs to spell words, in order.

    These are specials, single characters and their `##` forms, and pieces with a character without
    its own piece. With them, a word whose characters all have one never becomes unknown,
    whatever else is removed: at least one character always matches. A word with
    other characters may become known or unknown, as its longest matches change.
    """
    available = frozenset(pieces)

    def alone(piece: str) -> list[str]:
        inside = piece.startswith("##") and len(piece) > 2
        first, rest = (piece[:3], piece[3:]) if inside else (piece[:1], piece[1:])
        return [first, *("##" + letter for letter in rest)]

    return [
        piece
        for piece in pieces
        if piece in specials or alone(piece) == [piece] or not available.issuperset(alone(piece))
    ]


def read(path: str | Path, required: Sequence[str]) -> dict[str, int]:
    """Read a WordPiece vocabulary file, one piece per line; the line of a piece is its id.

    Args:
        path: the file.
        required: pieces that it must contain, the first of them on the first line.

    Raises:
        InputError: the file is missing, not text, or lacks a required piece.
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
