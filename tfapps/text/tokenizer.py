"""Strings to ids and back: the one tokenizer of training, evaluation and serving."""

from __future__ import annotations

import functools
import os
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

# A process that forks after the library has used threads gets a warning or hangs, so threads are
# off unless the user switches them on in the environment.
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

import tokenizers
from tokenizers import normalizers

from tfapps.bundle.bundle import read_json, write_json
from tfapps.errors import InputError
from tfapps.text import _copies, _pairs, pipelines, training, vocabulary
from tfapps.text.pipelines import BOS, CLS, EOS, MASK, PAD, SEP, SPECIALS, UNK
from tfapps.text.vocabulary import LONGEST_WORD

FILE, SURFACE_FILE = "tokenizer.json", "surface.json"
CHUNK = 4096  # texts passed to the library at once: limits the memory of its encodings


@dataclass(frozen=True)
class Tokens:
    """Encoded texts: one int32 array (t,) per text; `truncated` counts texts that lost tokens."""

    token_ids: list[np.ndarray]
    segment_ids: list[np.ndarray]
    truncated: int


class Tokenizer:
    """A Hugging Face tokenizer in which no text a user types can become a special id.

    Attributes:
        surface: features of words that the model reads besides ids, see `surface`.
        between_id: the special id between two texts of a row.

    Example:
        tokenizer = Tokenizer.train(["one text", "another"], "words", 100, True, 1)
        tokenizer.encode(["one"], max_length=8).token_ids
    """

    def __init__(self, inner: tokenizers.Tokenizer, surface: Sequence[str] = ()) -> None:
        self._inner, self.surface = inner, tuple(surface)
        self.kind = pipelines.kind_of(inner)
        ids = pipelines.special_ids(inner)
        self.pad_id, self.unknown_id = ids[PAD], ids[UNK]
        self.start_id, self.end_id = ids.get(BOS), ids.get(EOS)
        self.between_id = ids[EOS if self.kind == "bpe" else SEP]
        self._cls, self.mask_id = ids.get(CLS), ids.get(MASK)
        self.special_ids = {ids[s] for s in SPECIALS[self.kind] if s in ids} - {self.unknown_id}

    @functools.cached_property
    def vocabulary(self) -> dict[str, int]:
        """Return the id of each piece."""
        return self._inner.get_vocab(with_added_tokens=False)

    @functools.cached_property
    def vocabulary_size(self) -> int:
        """Return one more than the highest id."""
        return max(self.vocabulary.values()) + 1

    @classmethod
    def from_wordpiece(
        cls, vocab_file: str | Path, lowercase: bool, strip_accents: bool | None = None
    ) -> Tokenizer:
        """Build BERT's tokenizer over a vocabulary file, one piece a line.

        Args:
            strip_accents: whether the vocabulary was made from text without accents; None follows
                BERT, which stripped them when it lowercased.

        Raises:
            InputError: the file is missing, not text, or lacks a special token.
        """
        numbered = vocabulary.read(vocab_file, (PAD, UNK, CLS, SEP))
        return cls(pipelines.assemble("wordpiece", numbered, lowercase, strip_accents))

    @classmethod
    def train(
        cls,
        texts: Iterable[str | Sequence[str]],
        kind: str,
        vocabulary_size: int,
        lowercase: bool | None = None,
        min_frequency: int = 2,
        strip_accents: bool = False,
    ) -> Tokenizer:
        """Learn a vocabulary; the same texts always give the same one.

        Args:
            texts: strings, or lists of words, which `words` then does not split.
            lowercase: None keeps the case for `bpe`, which decodes to text, and lowercases others.
            strip_accents: treat letters that differ in accents or vowel signs as equal.

        Raises:
            InputError: unknown kind, no text, or no room for a vocabulary; for `bpe` also more
                room than the texts can fill.
        """
        return cls(
            training.learn(texts, kind, vocabulary_size, lowercase, min_frequency, strip_accents)
        )

    @classmethod
    def load(cls, folder: str | Path) -> Tokenizer:
        """Load the tokenizer saved in a folder.

        Raises:
            InputError: the file is missing, or `save` did not write it.
        """
        path = Path(folder) / FILE
        try:
            inner = tokenizers.Tokenizer.from_str(path.read_text(encoding="utf-8"))
            surface_path = Path(folder) / SURFACE_FILE
            return cls(inner, read_json(surface_path) if surface_path.is_file() else ())
        except OSError as error:
            raise InputError(f"cannot read tokenizer {path}: {error.strerror}") from error
        except Exception as error:  # the library raises bare Exception for every malformed file
            raise InputError(f"{path}: not a tfapps tokenizer; train or copy it again") from error

    def save(self, folder: str | Path) -> None:
        """Write `tokenizer.json` into a folder, and `surface.json` if there is a surface."""
        Path(folder).mkdir(parents=True, exist_ok=True)
        (Path(folder) / FILE).write_bytes(self.content())
        if self.surface:
            write_json(Path(folder) / SURFACE_FILE, self.surface)

    def content(self) -> bytes:
        """Return the bytes that `save` writes; equal tokenizers have equal bytes."""
        return self._inner.to_str(pretty=True).encode("utf-8")

    @property
    def lowercase(self) -> bool:
        """Return whether text is lowercased; `wordpiece` only."""
        normalizer = self._inner.normalizer
        bert = normalizer[0] if isinstance(normalizer, normalizers.Sequence) else normalizer
        return bert.lowercase

    def pieces(self) -> list[str]:
        """Return the vocabulary in the order of ids.

        An id that no text maps to (a vocabulary file may repeat a line) is `[unused]`.
        """
        listed = ["[unused]"] * self.vocabulary_size
        for piece, number in self.vocabulary.items():
            listed[number] = piece or "[unused]"
        return listed

    def encode(
        self, texts: Sequence[str], pairs: Sequence[str] | None = None, max_length: int = 512
    ) -> Tokens:
        """Encode texts, or pairs of texts, truncated to max_length.

        Of a pair that is too long the longer text loses tokens first. WordPiece gives
        [CLS] x [SEP] or [CLS] x [SEP] y [SEP], `bpe` x or x [EOS] y, the others x or x [SEP] y.

        Raises:
            InputError: max_length leaves no room for a token.
        """
        frame = self.frame_size + (0 if pairs is None else 1)
        room = max_length - frame
        if room < (1 if pairs is None else 2):
            input_kind = "a text" if pairs is None else "a pair of texts"
            raise InputError(f"max_length {max_length} is too small for {input_kind}")
        firsts = self._bodies(texts, room)
        if pairs is None:
            token_ids = [self.framed(ids[:room])[0] for ids in firsts]
            segment_ids = [np.zeros(len(ids), np.int32) for ids in token_ids]
            return Tokens(token_ids, segment_ids, sum(len(ids) > room for ids in firsts))
        bodies = zip(firsts, self._bodies(pairs, room), strict=True)
        joined = [self.paired(first, second, room) for first, second in bodies]
        token_ids, segment_ids, cut = map(list, zip(*joined, strict=True)) if joined else ([],) * 3
        return Tokens(token_ids, segment_ids, sum(cut))

    def pieces_of(self, words: Sequence[str]) -> list[np.ndarray]:
        """Return ids (n,) of each word, without special ones; the kind `words` does not split."""
        unique = {word: pipelines.clean(word) for word in words}
        if self.kind == "words":
            normal = self._inner.normalizer.normalize_str
            numbers = (self.vocabulary.get(normal(w), self.unknown_id) for w in unique.values())
            ids = [np.array([number], np.int32) for number in numbers]
        else:
            ids = self.ids(list(unique.values()))
        ids_by_word = dict(zip(unique, ids, strict=True))
        return [ids_by_word[word] for word in words]

    def framed(self, ids: np.ndarray) -> tuple[np.ndarray, int]:
        """Return ids (n,) with special ids around them, and how many come before them."""
        if self._cls is None:
            return ids, 0
        return np.concatenate([[self._cls], ids, [self.between_id]]).astype(np.int32), 1

    def paired(self, first: np.ndarray, second: np.ndarray, room: int) -> tuple[Any, Any, bool]:
        """Return two rows of ids as one, with their segments, and whether they exceeded `room`."""
        return _pairs.join(first, second, room, self._cls, self.between_id)

    @property
    def frame(self) -> tuple[int | None, ...]:
        """Return the special ids around a text, None in place of the text."""
        return (None,) if self._cls is None else (self._cls, None, self.between_id)

    @property
    def frame_size(self) -> int:
        """Return the number of special ids around those of a text."""
        return len(self.frame) - 1

    def decode(
        self, ids: Sequence[int] | np.ndarray, copies: Mapping[int, str] | None = None
    ) -> str:
        """Return the text of ids, without special ones.

        Args:
            copies: position in `ids` -> what to write in place of an [UNK] there.
        """
        copies = copies or {}
        parts = []
        for position, number in enumerate(map(int, ids)):
            if number == self.unknown_id and position in copies:
                parts.append(pipelines.as_piece(self._inner, copies[position]))
            elif number not in self.special_ids:
                parts.append(self._inner.id_to_token(number) or "")
        return pipelines.join(self._inner, parts)

    def spans(self, text: str) -> list[tuple[int, int]]:
        """Return the characters [start, end) of each id of a text, without special ids."""
        return self._inner.encode(pipelines.clean(text), add_special_tokens=False).offsets

    def words(self, text: str) -> list[str]:
        """Return the copy of each position of the encoded text: the word it belongs to.

        An [UNK] may stand for a part of a word only: its copy is that part, so that `decode` with
        the copies of a text's own [UNK]s gives the text again. A position that stands for no text
        has the copy "".
        """
        copies = _copies.of_pieces(self._inner, text, self.unknown_id)
        return copies if self._cls is None else ["", *copies, ""]

    def trimmed(self, kept_ids: Collection[int]) -> Tokenizer:
        """Make a WordPiece tokenizer with only these ids of the vocabulary, renumbered in order.

        A word whose pieces were all kept is split as before: the longest match still exists,
        and no longer one can appear. A word that was [UNK] may have pieces afterwards: a piece
        that led its longest match into a dead end may have been removed.

        Raises:
            InputError: the tokenizer is of another kind.
        """
        if self.kind != "wordpiece":
            raise InputError(f"cannot trim a tokenizer of {self.kind}; only wordpiece can")
        piece = {number: piece for piece, number in self.vocabulary.items()}
        vocabulary = {piece[old]: new for new, old in enumerate(sorted(kept_ids))}
        inner = pipelines.assemble("wordpiece", vocabulary, self.lowercase)
        inner.normalizer = self._inner.normalizer
        return Tokenizer(inner, self.surface)

    def looking_at(self, *surface: str) -> Tokenizer:
        """Return the same tokenizer for a model that also reads these features of words."""
        return Tokenizer(self._inner, surface)

    def _bodies(self, texts: Sequence[str], room: int) -> list[np.ndarray]:
        """Return ids of each text without specials; exact in the first `room`, maybe cut later."""
        out: list[np.ndarray] = []
        for start in range(0, len(texts), CHUNK):
            out += self._chunk([pipelines.clean(t) for t in texts[start : start + CHUNK]], room)
        return out

    def _chunk(self, texts: list[str], room: int) -> list[np.ndarray]:
        # A cut can only change the last word, which has at most LONGEST_WORD pieces: with that many
        # extra ids the first `room` ids equal those of the whole text. Otherwise cut less.
        enough = room + LONGEST_WORD
        cut = 16 * enough
        bodies = self.ids([text[:cut] for text in texts])
        while True:
            cut *= 8
            short = [
                i
                for i, text in enumerate(texts)
                if cut // 8 < len(text) and len(bodies[i]) < enough
            ]
            if not short:
                return bodies
            for i, ids in zip(short, self.ids([texts[i][:cut] for i in short]), strict=True):
                bodies[i] = ids

    def ids(self, texts: list[str]) -> list[np.ndarray]:
        """Return all ids of each text, (n,), without special ones and at least one."""
        encodings = self._inner.encode_batch_fast(texts, add_special_tokens=False)
        # A text of only control characters still needs one token: a row without any would
        # be all padding, and an average over no tokens is not a number.
        return [np.array(e.ids or [self.unknown_id], np.int32) for e in encodings]
