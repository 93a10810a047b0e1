"""Guesses the script and the language of texts, from their letters and most common words."""

from __future__ import annotations

import functools
import unicodedata
from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

import regex

# Scripts without blanks between words, for a class of characters.
UNSPACED = r"\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}"
_NAMES = {"CJK": "Chinese", "HIRAGANA": "Japanese", "KATAKANA": "Japanese", "HANGUL": "Korean"}
_WITHOUT_BLANKS = {"Chinese", "Japanese", "Thai", "Lao", "Khmer", "Myanmar"}
_WORDS = {
    "English": "the and is to of i my it you not for with this that have what how can do was on",
    "German": "und ich nicht ist das der die ein zu mit für von auf es wie kann mein bitte wir",
    "French": "le les et je ne pas est un une des pour que dans sur mon avec vous ce il au",
    "Spanish": "el los y que no es una en por para con mi se lo como mis al muy del",
    "Italian": "il di che non è un una per mi sono con del come ho si gli della ma",
    "Portuguese": "o que não é um uma para com meu os eu do da em minha você ao",
    "Dutch": "het een ik niet is van en op dat mijn voor met te wat heb zijn",
}
_COMMON = {language: frozenset(words.split()) for language, words in _WORDS.items()}
_LETTERS = regex.compile(r"\p{L}+")
_SHARE = 0.05  # of all words, at least, that are common ones of the language
_KANA = 0.1  # share of kana in Japanese texts, at least
_PLAIN = 0.99  # share of ASCII letters of a text that may be English where its words are few


class Language(NamedTuple):
    """What texts are written in.

    Attributes:
        script: of most letters, such as `Latin`, `Chinese` or `Cyrillic`.
        share: of the letters, those of that script.
        name: of the language; None if it is not one of the seven that are known.
        sure: whether its common words occur; else it is English by its letters alone.
    """

    script: str
    share: float
    name: str | None
    sure: bool

    @property
    def spaced(self) -> bool:
        """Return whether blanks separate the words."""
        return self.script not in _WITHOUT_BLANKS

    def __str__(self) -> str:
        if self.name is None:
            return f"{self.script} script"
        return self.name if self.sure else f"{self.name} (by its letters)"


def guess(texts: Iterable[str]) -> Language:
    """Return the language of texts; numbers alone count as English."""
    letters: Counter[str] = Counter()
    common: Counter[str] = Counter()
    words = plain = 0
    for text in texts:
        for word in _LETTERS.findall(text.lower()):
            words += 1
            plain += len(word) if word.isascii() else 0
            letters.update(map(_script, word))
            common.update(name for name, known in _COMMON.items() if word in known)
    script, count = letters.most_common(1)[0] if letters else ("Latin", 0)
    total = max(1, letters.total())
    # Japanese texts hold Chinese characters too; Chinese ones hold hardly any kana.
    if script == "Chinese" and letters["Japanese"] >= _KANA * total:
        script, count = "Japanese", count + letters["Japanese"]
    if script != "Latin":
        return Language(script, count / total, None, False)
    (best, times), *_ = common.most_common(1) or [("English", 0)]
    if times >= _SHARE * words and words:
        return Language(script, count / total, best, True)
    by_letters = "English" if plain >= _PLAIN * total or not words else None
    return Language(script, count / total if letters else 1.0, by_letters, False)


@functools.lru_cache(maxsize=1 << 16)
def _script(letter: str) -> str:
    word = unicodedata.name(letter, "OTHER").split()[0]
    return _NAMES.get(word, word.capitalize())
