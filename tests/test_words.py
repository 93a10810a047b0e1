"""Words of plain text in any script: what a reader sees as one word is one."""

import itertools
import re
import unicodedata

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfapps.data import noise
from tfapps.explain.parts import text as reading
from tfapps.models import _vectors
from tfapps.tasks import _windows
from tfapps.text import surface, words
from tfapps.text.tokenizer import Tokenizer

SCRIPTS = {
    "latin": "École Ångström Đặng",
    "greek": "Ἀθῆναι Ελλάδα",
    "cyrillic": "Йошкар Али́са Київ",
    "hebrew": 'שָׁלוֹם יְרוּשָׁלַיִם צה"ל',
    "arabic": "مُحَمَّد أَحْمَد می\u200cخواهم",
    "devanagari": "नरेन्द्र मोदी दिल्ली",
    "bengali": "রবীন্দ্রনাথ ঠাকুর কোলকাতা",
    "tamil": "சென்னை தமிழ்நாடு கோயம்புத்தூர்",
    "thai": "กรุงเทพฯ เชียงใหม่ น้ำ",
    "khmer": "ភ្នំពេញ កម្ពុជា",
    "hangul": "서울 대한민국",
    "kana": "がぎぐ パピプ",
    "emoji": "👩\u200d👩\u200d👧 👍🏽 🇩🇪 1\ufe0f\u20e3 ❤\ufe0f",
}
FORMS = ("NFC", "NFD")


def texts_of(text, options="words"):
    actual = words.split(text, options)
    assert all(text[word.start : word.end] == word.text for word in actual)
    return [word.text for word in actual]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("script", SCRIPTS)
def test_a_word_of_any_script_is_one_word(script, form):
    text = unicodedata.normalize(form, SCRIPTS[script])
    expected = text.split()
    assert texts_of(text) == expected
    assert texts_of(f"({text}).") == ["(", *expected, ")", "."]
    # Explainers, which join what shares a piece, see the same words.
    spans = [match.span() for match in re.finditer(r"\S", text)]
    actual, _ = reading.split(text, spans, "words")
    assert [text[start:end] for start, end in actual] == expected


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("script", SCRIPTS)
def test_a_tagger_answers_for_each_word_with_its_place(script, form):
    text = unicodedata.normalize(form, SCRIPTS[script])
    tokenizer = Tokenizer.train([text], "wordpiece", 200, None, 1)
    windows = _windows.cut([{"text": text}], tokenizer, 60, unit="words", context=0)
    [(given_text, places)] = _windows.texts(windows)
    assert given_text == text
    assert [text[start:end] for start, end in places] == texts_of(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("don't U.S. e.g. e-mail, 3.5 AT&T's", ["don't", "U.S.", "e.g.", "e-mail", ",", "3.5"]),
        ("o'er 'em 'only' l'objectif", ["o'er", "'", "em", "'", "only", "'", "l'objectif"]),
        ("and/or a_b 1996-08-22 m² (x)!", ["and/or", "a_b", "1996-08-22", "m²", "(", "x", ")"]),
        ("G.O.L.D l·l", ["G.O.L.D", "l·l"]),
        ("今年カタカナ", ["今年カタカナ"]),
        ("so\u00adft a\u200bb \u200f\u05d0 \ufeffx", ["so\u00adft", "a", "b", "\u05d0", "x"]),
        (" \u0301x !\u0301", ["\u0301", "x", "!\u0301"]),
        ("\u0600123 \u200b \u200e", ["\u0600123"]),
        ("", []),
    ],
)
def test_words_as_training_data_has_them(text, expected):
    assert texts_of(text)[: len(expected)] == expected


ASCII = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=40)
ENGLISH = re.compile(r"(?:[^\W\d_]\.){2,}|\w+(?:[-.,:/&'’]\w+)*|[^\w\s]")


@given(ASCII)
def test_borders_of_ascii_are_those_of_english_tokens(text):
    old = {place for match in ENGLISH.finditer(text) for place in match.span()}
    new = {place for word in words.split(text, "words") for place in (word.start, word.end)}
    assert new <= old
    # Unicode joins two numbers (1;2), and the last letter of an abbreviation (a.k.a).
    joined = {text[place - 1 : place + 1] for place in old - new}
    assert all(re.fullmatch(r"\d;|;\d|\.[A-Za-z0-9_]", pair) for pair in joined)


@given(st.text(max_size=30))
def test_every_visible_character_is_in_one_word(text):
    for options in words.UNITS:
        actual = words.split(text, options)
        assert all(a.end <= b.start for a, b in itertools.pairwise(actual))
        inside = {place for word in actual for place in range(word.start, word.end)}
        left = "".join(text[place] for place in sorted(set(range(len(text))) - inside))
        assert not left.strip() or re.fullmatch(r"\s*", words._NOTHING.sub("", left))


@pytest.mark.parametrize("form", FORMS)
def test_characters_keep_their_marks(form):
    text = unicodedata.normalize(form, "नि が é👍🏽")
    parts = ["नि", "が", "é", "👍🏽"]
    assert texts_of(text, "characters") == [unicodedata.normalize(form, part) for part in parts]


@pytest.mark.parametrize("script", SCRIPTS)
def test_letters_are_mistyped_with_their_marks(script):
    text = unicodedata.normalize("NFD", SCRIPTS[script]) * 20
    letters = {text[start:end] for start, end in words.clusters(text)}
    noisy = noise.mistyped(text, 0.5, np.random.default_rng(0))
    assert noisy != text or script == "emoji"
    assert {noisy[start:end] for start, end in words.clusters(noisy)} <= {*letters, *noise.LETTERS}


@pytest.mark.parametrize("script", SCRIPTS)
def test_features_of_letters_are_the_same_composed_and_decomposed(script):
    for word in SCRIPTS[script].split():
        forms = [unicodedata.normalize(form, word) for form in FORMS]
        assert len({surface.letters_of(form) for form in forms}) == 1
        assert len({surface.case_of(form) for form in forms}) == 1


def test_word_vectors_are_read_composed(tmp_path):
    (tmp_path / "vectors.txt").write_text("e\u0301t\u00e9 1 2\n", encoding="utf-8")
    assert list(_vectors.read(str(tmp_path / "vectors.txt"), 2)) == ["été"]
