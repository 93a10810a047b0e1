"""Subwords for translation: they decode to the text, and unknown words can be copied into it."""

import os
import subprocess
import sys
import unicodedata
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tfapps.config import load as configs
from tfapps.errors import ConfigError, InputError
from tfapps.runs import prepared
from tfapps.text import vocabulary
from tfapps.text.tokenizer import Tokenizer

TEXTS = [
    "Der kleine Hund schläft im Garten.",
    "The little dog sleeps in the garden.",
    "Die Hunde (12 kleine!) schlafen; the dogs don't.",
] * 3
ROOT = Path(__file__).parent.parent
DATA = Path(os.environ.get("TFAPPS_DATA", ROOT.parent / "shared" / "data"))


@pytest.fixture(scope="module")
def bpe():
    return Tokenizer.train(TEXTS, "bpe", 80)


def ids_of(tokenizer, text):
    return tokenizer.encode([text], max_length=10_000).token_ids[0].tolist()


def pieces_of(tokenizer, text):
    return [tokenizer.pieces()[i] for i in ids_of(tokenizer, text)]


def normal(text):
    return " ".join(unicodedata.normalize("NFC", text).split())


# --- training


def test_a_frequent_word_is_no_long_text(monkeypatch):
    counts = Counter({"the": 10, "dog": 3, "a": 4})
    monkeypatch.setattr(vocabulary, "COPIES", 4)
    texts = list(vocabulary._copies(counts))
    assert Counter(word for text in texts for word in text.split()) == counts
    assert max(len(text.split()) for text in texts) == 4


@pytest.mark.parametrize("kind", ["bpe", "wordpiece"])
def test_the_length_of_those_texts_changes_no_vocabulary(kind, monkeypatch):
    pieces = Tokenizer.train(TEXTS, kind, 80).pieces()
    monkeypatch.setattr(vocabulary, "COPIES", 1)
    assert Tokenizer.train(TEXTS, kind, 80).pieces() == pieces


@pytest.mark.parametrize("text", [{}, {"vocabulary_size": 8000}])
def test_only_a_size_that_was_asked_for_must_be_filled(text, capsys):
    raw = {"task": {"name": "classification"}, "model": {"name": "bilstm"}}
    raw |= {"data": {"source": "tsv", "train": "t", "dev": "d"}}
    run = configs.from_dict(raw | {"text": {"tokenizer": "bpe", **text}}, "x")

    def make(size, texts):
        return Tokenizer.train(texts, "bpe", size)

    if text:
        with pytest.raises(InputError, match="vocabulary_size 8000 is more than the text can fill"):
            prepared._learned(run, make, lambda: (iter(TEXTS), iter(())))
        return
    tokenizer = prepared._learned(run, make, lambda: (iter(TEXTS), iter(())))
    assert 80 < tokenizer.vocabulary_size < 8000
    expected = f"text.vocabulary_size: {tokenizer.vocabulary_size}, all that the text fills of 8000"
    assert capsys.readouterr().out == expected + "\n"


# --- pieces


def test_specials_stand_first(bpe):
    assert bpe.pieces()[:4] == ["[PAD]", "[UNK]", "[BOS]", "[EOS]"]
    assert (bpe.pad_id, bpe.unknown_id, bpe.start_id, bpe.end_id) == (0, 1, 2, 3)
    assert bpe.mask_id is None
    assert (bpe.kind, bpe.vocabulary_size) == ("bpe", 80)


@pytest.mark.parametrize("kind", ["wordpiece", "words", "characters"])
def test_other_kinds_have_no_start_and_end(kind):
    tokenizer = Tokenizer.train(TEXTS, kind, 80)
    assert tokenizer.start_id is tokenizer.end_id is None


def test_blanks_belong_to_words_and_punctuation_stands_alone():
    tokenizer = Tokenizer.train(["Hund.", "(Hund 21 x-Hund)"] * 9, "bpe", 23)
    assert pieces_of(tokenizer, "Hund.") == ["▁Hund", "."]
    assert pieces_of(tokenizer, "Hund (Hund-Hund)") == [
        "▁Hund", "▁(", "Hund", "-", "Hund", ")",
    ]  # fmt: skip
    assert pieces_of(tokenizer, "21") == ["▁2", "1"]


def test_encoding_adds_nothing(bpe):
    assert not {0, 1, 2, 3} & set(ids_of(bpe, TEXTS[0]))
    tokens = bpe.encode(["Hund"], ["dog"], 20)
    first, second = ids_of(bpe, "Hund"), ids_of(bpe, "dog")
    assert tokens.token_ids[0].tolist() == [*first, bpe.end_id, *second]
    assert tokens.segment_ids[0].tolist() == [0] * (len(first) + 1) + [1] * len(second)


def test_typed_specials_stay_text():
    typed = "a [EOS] b [BOS] [PAD] [UNK]"
    tokenizer = Tokenizer.train([*TEXTS, typed, typed], "bpe", 90)
    ids = ids_of(tokenizer, typed)
    assert not set(ids) & {0, 1, 2, 3}
    assert tokenizer.decode(ids) == typed
    assert tokenizer.decode([tokenizer.start_id, *ids, tokenizer.end_id, 0, 0]) == typed


def test_case_is_kept_unless_asked_otherwise(bpe):
    assert bpe.decode(ids_of(bpe, "Der hund")) == "Der hund"
    lower = Tokenizer.train(TEXTS, "bpe", 80, lowercase=True)
    assert lower.decode(ids_of(lower, "DER Hund")) == "der hund"
    for kind in ("wordpiece", "words", "characters"):
        tokenizer = Tokenizer.train(TEXTS, kind, 90, min_frequency=1)
        assert ids_of(tokenizer, "Der Hund") == ids_of(tokenizer, "der hund")


# --- there and back


@settings(max_examples=300, deadline=None)
@given(st.text(st.sampled_from("DerHundschläft iGa.(12!);' \n\u00a0"), max_size=60))
@example("")
def test_known_characters_come_back(bpe, text):
    ids = ids_of(bpe, text)
    assert bpe.decode(ids) == (normal(text) or "[UNK]")
    assert len(ids) > 0


@settings(max_examples=300, deadline=None)
# Python takes U+001C to U+001F for blanks; U+FDD0 is the one code point that stands for another.
@given(
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x1c\x1d\x1e\x1f\ufdd0"))
)
@example("e\u0301 Škoda-Fahrer ▁ ☃☃ Привет, мир")
def test_whatever_is_unknown_comes_back_by_its_copies(bpe, text):
    copies = bpe.words(text)
    ids = ids_of(bpe, text)
    assert len(copies) == len(ids)
    assert bpe.decode(ids, dict(enumerate(copies))) == normal(text)


def test_a_typed_mark_of_a_blank_comes_back():
    tokenizer = Tokenizer.train(["▁a ▁", "▁a ▁"], "bpe", 8)
    assert tokenizer.decode(ids_of(tokenizer, "▁a a▁ ▁")) == "▁a a▁ ▁"
    assert tokenizer.unknown_id not in ids_of(tokenizer, "▁a")


def test_real_text_comes_back():
    file = DATA / "multi30k" / "val.de"
    if not file.is_file():
        pytest.skip(f"needs {file}: set TFAPPS_DATA to the data folder")
    lines = [
        line
        for language in ("de", "en")
        for line in file.with_suffix(f".{language}").read_text("utf-8").splitlines()
    ]
    tokenizer = Tokenizer.train(lines, "bpe", 2000)
    encoded = tokenizer.encode(lines, max_length=512).token_ids
    lost = [
        line
        for line, ids in zip(lines, encoded, strict=True)
        if tokenizer.decode(ids) != normal(line) and tokenizer.unknown_id not in ids
    ]
    assert lost == []
    assert sum(tokenizer.unknown_id in ids for ids in encoded) < 30


# --- unknown words


def test_a_foreign_word_is_one_unknown_and_can_be_copied(bpe):
    ids = ids_of(bpe, "Der Привет schläft")
    assert ids.count(bpe.unknown_id) == 1
    at = ids.index(bpe.unknown_id)
    assert bpe.decode(ids) == "Der [UNK] schläft"
    assert bpe.decode(ids, {at: "Otto"}) == "Der Otto schläft"
    assert bpe.decode(np.array(ids), {0: "lost", 99: "lost"}) == "Der [UNK] schläft"


def test_each_position_belongs_to_the_right_word(bpe):
    text = "Der  kleinste ☃Hund."
    by_position = list(zip(pieces_of(bpe, text), bpe.words(text), strict=True))
    assert by_position == [
        ("▁D", "Der"), ("er", "Der"),
        ("▁kle", "kleinste"), ("in", "kleinste"), ("s", "kleinste"), ("t", "kleinste"),
        ("e", "kleinste"), ("▁", "☃"), ("[UNK]", "☃"), ("Hu", "Hund"), ("nd", "Hund"), (".", "."),
    ]  # fmt: skip


def test_words_of_other_kinds_are_aligned_too():
    text = "Der xylophile Hund!"
    for kind in ("wordpiece", "words"):
        tokenizer = Tokenizer.train(TEXTS, kind, 200, min_frequency=1)
        ids, words = ids_of(tokenizer, text), tokenizer.words(text)
        assert len(ids) == len(words)
        copies = {i: word for i, word in enumerate(words) if ids[i] == tokenizer.unknown_id}
        assert tokenizer.decode(ids, copies).replace(" ", "") == "derxylophilehund!"
    assert tokenizer.words("\u200b") == [""]


# --- odd texts


@pytest.mark.parametrize("text", ["", "   ", "\u200b", "\x01", "☃"])
def test_a_text_without_known_pieces_gets_one(bpe, text):
    assert bpe.unknown_id in ids_of(bpe, text)


@pytest.mark.parametrize(
    "text",
    ["x" * 100_000, "Hund " * 50_000, " " * 100_000 + "Hund", "ab" * 5_000 + " Hund", "☃" * 9_999],
)
@pytest.mark.parametrize("length", [3, 16])
def test_cutting_changes_nothing(bpe, text, length):
    full = bpe._inner.encode(text, add_special_tokens=False).ids
    tokens = bpe.encode([text, "Hund"], max_length=length)
    assert tokens.token_ids[0].tolist() == full[:length]
    assert tokens.truncated == (len(full) > length) + (len(ids_of(bpe, "Hund")) > length)


def test_half_a_surrogate_is_no_crash(bpe):
    assert bpe.decode(ids_of(bpe, "Hund \ud800")) == "Hund [UNK]"
    assert len(bpe.words("Hund \ud800")) == len(ids_of(bpe, "Hund \ud800"))


# --- saved and trained


def test_save_and_load(bpe, tmp_path):
    bpe.save(tmp_path)
    loaded = Tokenizer.load(tmp_path)
    assert loaded.content() == bpe.content()
    assert (loaded.kind, loaded.start_id, loaded.end_id) == ("bpe", 2, 3)
    for text in (*TEXTS, "☃ 你好"):
        assert ids_of(loaded, text) == ids_of(bpe, text)
        assert loaded.words(text) == bpe.words(text)


def _train_elsewhere(hash_seed):
    code = (
        "import hashlib\nfrom tfapps.text.tokenizer import Tokenizer\n"
        "texts = [f'{a}{b}{c} ß{c}{a}' for a in 'abcdefg' for b in 'hijklmn' for c in 'opqrstuv']\n"
        "for size in (40, 200, 400):\n"
        "    content = Tokenizer.train(texts, 'bpe', size, None, 1).content()\n"
        "    print(size, hashlib.sha256(content).hexdigest())\n"
    )
    env = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True
    ).stdout


def test_training_is_the_same_in_every_process():
    runs = {_train_elsewhere(seed) for seed in ("0", "1", "2")}
    assert len(runs) == 1
    assert len(runs.pop().splitlines()) == 3


def test_rare_characters_are_unknown_so_that_unknown_is_learned():
    tokenizer = Tokenizer.train(["aa aa ☃"], "bpe", 8)
    assert tokenizer.pieces()[4:] == ["a", "▁", "aa", "▁aa"]
    assert tokenizer.unknown_id in ids_of(tokenizer, "☃")


def test_a_vocabulary_too_small_for_merges_keeps_the_frequent_characters():
    tokenizer = Tokenizer.train(["ababac"] * 2, "bpe", 7)
    assert tokenizer.pieces()[4:] == ["a", "b", "▁"]


@pytest.mark.parametrize("texts", [TEXTS, ["你好世界" * 2, "朋友你好"] * 2, ["aa"] * 2])
def test_a_vocabulary_that_the_text_cannot_fill(texts):
    with pytest.raises(InputError, match="vocabulary_size 5000 is more than .* can fill") as caught:
        Tokenizer.train(texts, "bpe", 5000)
    assert "\n" not in str(caught.value)
    most = int(str(caught.value).rpartition("set vocabulary_size to ")[2].split()[0])
    assert f"it gives {most} pieces with min_frequency 2" in str(caught.value)
    assert Tokenizer.train(texts, "bpe", most).vocabulary_size == most
    with pytest.raises(InputError, match=f"vocabulary_size {most + 1} is more"):
        Tokenizer.train(texts, "bpe", most + 1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((TEXTS, "bpe", 4), "vocabulary_size 4 is too small: bpe has 4 special tokens"),
        (([" "], "bpe", 100), "cannot train a bpe tokenizer: no text"),
    ],
)
def test_training_refuses(arguments, message):
    with pytest.raises(InputError, match=message):
        Tokenizer.train(*arguments)


def test_trimming_refuses(bpe):
    with pytest.raises(InputError, match="cannot trim a tokenizer of bpe; only wordpiece can"):
        bpe.trimmed([0, 1, 2])


def test_a_config_may_ask_for_it():
    raw = {
        "task": {"name": "classification"},
        "data": {"source": "sample", "sample": "support_intents"},
        "model": {"name": "bilstm"},
    }
    run = configs.from_dict({**raw, "text": {"tokenizer": "bpe"}}, "run")
    assert (run.text.tokenizer, run.text.lowercase) == ("bpe", None)
    assert configs.from_dict({**raw, "text": {"lowercase": False}}, "run").text.lowercase is False
    with pytest.raises(ConfigError, match=r"text\.lowercase: got 'yes' \(str\), expected bool or"):
        configs.from_dict({**raw, "text": {"lowercase": "yes"}}, "run")
