"""The tokenizer equals BERT's, learns the same twice, and can't be talked into specials."""

import json
import os
import subprocess
import sys
import unicodedata
from pathlib import Path

import numpy as np
import pytest
import tokenizers
from hypothesis import given, settings
from hypothesis import strategies as st

from tfapps import registry
from tfapps.config.sections import TextConfig
from tfapps.errors import InputError
from tfapps.text.tokenizer import Tokenizer

PIECES = "the cat sat on mat un ##aff ##able cafe ##s a b c ##b ##c , . ! [ ] ' 你 好 s ##ep 2 ##0"
TEXTS = ["The cat sat on the mat.", "the dog! the dog?", "über straße", "你好 world", "a b a b a"]
ROOT = Path(__file__).parent.parent
DATA = Path(os.environ.get("TFAPPS_DATA", ROOT.parent / "shared" / "data"))


@pytest.fixture(scope="module")
def vocab_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("vocab") / "vocab.txt"
    specials = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    path.write_text("\n".join([*specials, *dict.fromkeys(PIECES.split())]) + "\n", "utf-8")
    return path


@pytest.fixture(scope="module")
def ours(vocab_file):
    return Tokenizer.from_wordpiece(vocab_file, lowercase=True)


@pytest.fixture(scope="module")
def bert(vocab_file):
    return tokenizers.BertWordPieceTokenizer(str(vocab_file), lowercase=True)


WORDS = st.lists(st.sampled_from([*PIECES.replace("##", "").split(), "Café", "éé", "\u200b", "\t"]))
TYPED = st.text(max_size=60) | WORDS.map(" ".join) | WORDS.map("".join)


def _without_specials(text):
    return not any(s in text for s in ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"))


@settings(max_examples=300, deadline=None)
@given(TYPED.filter(_without_specials), st.integers(3, 20))
def test_wordpiece_equals_bert(ours, bert, text, length):
    bert.enable_truncation(length)
    expected = bert.encode(text).ids
    got = ours.encode([text], max_length=length).token_ids[0].tolist()
    # A text without a single token gets one [UNK], so that no row is all padding.
    assert got == (expected if len(expected) > 2 else [2, 1, 3])


@settings(max_examples=200, deadline=None)
@given(WORDS.map(" ".join), WORDS.map(" ".join), st.integers(5, 20))
def test_pairs_equal_bert(ours, bert, first, second, length):
    bert.enable_truncation(length, strategy="longest_first")
    expected = bert.encode("cat " + first, "mat " + second)
    got = ours.encode(["cat " + first], ["mat " + second], length)
    assert got.token_ids[0].tolist() == expected.ids
    assert got.segment_ids[0].tolist() == expected.type_ids
    bert.no_truncation()
    assert got.truncated == (len(bert.encode("cat " + first, "mat " + second).ids) > length)


def test_bert_vocabulary_on_real_text():
    file = DATA / "vocab" / "bert_uncased_en.txt"
    if not file.is_file():
        pytest.skip(f"needs {file}: set TFAPPS_DATA to the data folder")
    ours = Tokenizer.from_wordpiece(file, lowercase=True)
    assert ours.vocabulary_size == 30522
    assert ours.encode(["Hello, World!"], max_length=8).token_ids[0].tolist() == [
        101, 7592, 1010, 2088, 999, 102,
    ]  # fmt: skip
    lines = (DATA / "sst2" / "dev.tsv").read_text("utf-8").splitlines()[1:]
    bert = tokenizers.BertWordPieceTokenizer(str(file), lowercase=True)
    bert.enable_truncation(32)
    got = ours.encode(lines, max_length=32)
    expected = [e.ids for e in bert.encode_batch(lines)]
    assert [ids.tolist() for ids in got.token_ids] == expected
    bert.no_truncation()
    assert got.truncated == sum(len(e.ids) > 32 for e in bert.encode_batch(lines))
    assert 0 < got.truncated < len(lines)


def test_arrays_are_int32(ours):
    for pairs in (None, ["a"]):
        tokens = ours.encode(["cat"], pairs, 9)
        assert tokens.token_ids[0].dtype == np.int32
        assert tokens.segment_ids[0].dtype == np.int32
    assert ours.pad_id == 0


@pytest.mark.parametrize("kind", ["wordpiece", "words", "characters"])
def test_typed_special_tokens_stay_text(kind):
    typed = "a [SEP] b [CLS] [PAD] [MASK] [UNK]"
    tokenizer = Tokenizer.train([*TEXTS, typed, typed], kind, 200, False, 1)
    ids = tokenizer.encode([typed], max_length=100).token_ids[0].tolist()
    body = ids[1:-1] if kind == "wordpiece" else ids
    specials = range(5 if kind == "wordpiece" else 3)
    assert not set(body) & set(specials)
    assert tokenizer.decode(ids).replace(" ", "") == typed.replace(" ", "")


def test_typed_special_tokens_stay_text_with_a_vocabulary(ours):
    ids = ours.encode(["the [SEP] cat"], max_length=20).token_ids[0].tolist()
    assert ids.count(3) == 1


@pytest.mark.parametrize("kind", ["wordpiece", "words", "characters"])
def test_save_and_load(kind, tmp_path):
    tokenizer = Tokenizer.train(TEXTS, kind, 100, True, 1)
    tokenizer.save(tmp_path)
    loaded = Tokenizer.load(tmp_path)
    assert loaded.content() == tokenizer.content() == (tmp_path / "tokenizer.json").read_bytes()
    assert (loaded.kind, loaded.vocabulary_size) == (kind, tokenizer.vocabulary_size)
    for pairs in (None, TEXTS[::-1]):
        got, expected = loaded.encode(TEXTS, pairs, 12), tokenizer.encode(TEXTS, pairs, 12)
        assert [a.tolist() for a in got.token_ids] == [a.tolist() for a in expected.token_ids]
        assert max(map(max, got.token_ids)) < loaded.vocabulary_size


def test_words_are_ranked_by_frequency_then_alphabet():
    tokenizer = Tokenizer.train(["b a c b, c a d", "b,x"], "words", 7, True, 1)
    ids = tokenizer.encode(["b , a c d x"], max_length=10).token_ids[0].tolist()
    assert ids == [3, 4, 5, 6, 1, 1]


def test_min_frequency_leaves_rare_words_out():
    tokenizer = Tokenizer.train(["a a b"], "words", 10, True, 2)
    assert tokenizer.encode(["a b"], max_length=4).token_ids[0].tolist() == [3, 1]


def test_words_keep_accents_and_lower_case():
    tokenizer = Tokenizer.train(["Über uber"], "words", 10, True, 1)
    ids = tokenizer.encode(["ÜBER Uber"], max_length=4).token_ids[0]
    assert tokenizer.decode(ids) == "über uber"
    cased = Tokenizer.train(["Über"], "words", 10, False, 1)
    assert cased.encode(["über"], max_length=4).token_ids[0].tolist() == [1]


def test_characters_of_chinese():
    tokenizer = Tokenizer.train(["你好你"], "characters", 10, True, 1)
    ids = tokenizer.encode(["好你们"], max_length=8).token_ids[0].tolist()
    assert ids == [4, 3, 1]
    assert tokenizer.decode([3, 4]) == "你好"


def test_pairs_without_cls_are_joined_with_sep():
    tokenizer = Tokenizer.train(["a b"], "words", 10, True, 1)
    tokens = tokenizer.encode(["a"], ["b b"], 8)
    assert tokens.token_ids[0].tolist() == [3, 2, 4, 4]
    assert tokens.segment_ids[0].tolist() == [0, 0, 1, 1]


@pytest.mark.parametrize("kind", ["wordpiece", "words", "characters"])
@pytest.mark.parametrize("text", ["", "   ", "\u200b", "\x01"])
def test_a_text_without_tokens_gets_one(kind, text):
    tokens = Tokenizer.train(TEXTS, kind, 100, True, 1).encode([text], max_length=8)
    assert len(tokens.token_ids[0]) == (3 if kind == "wordpiece" else 1)


LONG = ["x" * 1_000_000, "cat " * 250_000, " " * 1_000_000 + "cat", "ab" + "c" * 500_000 + " cat"]


@pytest.mark.parametrize("text", [*LONG, "," * 300_000, "你" * 300_000, "cat" + "\n" * 500_000])
@pytest.mark.parametrize("length", [pytest.param(3, marks=pytest.mark.slow), 16])
def test_cutting_a_megabyte_changes_nothing(ours, bert, text, length):
    bert.no_truncation()
    full = bert.encode(text).ids
    tokens = ours.encode([text, "cat"], max_length=length)
    expected = full if len(full) <= length else [*full[: length - 1], 3]
    assert tokens.token_ids[0].tolist() == expected
    assert tokens.truncated == (len(full) > length)


def test_long_texts_are_cut_before_the_library_sees_them(ours, monkeypatch):
    seen = []
    real = ours.ids
    monkeypatch.setattr(ours, "ids", lambda texts: seen.extend(map(len, texts)) or real(texts))
    ours.encode(["cat " * 250_000], max_length=32)
    assert seen
    assert max(seen) < 10_000


def test_half_a_surrogate_is_no_crash(ours):
    assert len(ours.encode(["cat \ud800 mat"], max_length=8).token_ids[0]) >= 4
    assert Tokenizer.train(["a \udfff b"], "words", 10, True, 1).vocabulary_size > 3


@pytest.mark.parametrize("text", ["a\0b", "🤖" * 5, "\r\n", "é" * 200, "مرحبا", "\uffff\ufeff"])
def test_odd_text_encodes(ours, text):
    assert all(len(ids) >= 3 for ids in ours.encode([text], max_length=16).token_ids)


def _train_elsewhere(hash_seed):
    code = (
        "import hashlib\nfrom tfapps.text.tokenizer import Tokenizer\n"
        "texts = [f'{a}{b}{c} ß{c}{a}' for a in 'abcdefg' for b in 'hijklmn' for c in 'opqrstuv']\n"
        "for kind in ('wordpiece', 'words', 'characters'):\n"
        "    content = Tokenizer.train(texts, kind, 90, True, 1).content()\n"
        "    print(kind, hashlib.sha256(content).hexdigest())\n"
    )
    env = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True
    ).stdout


def test_training_is_the_same_in_every_process():
    runs = {_train_elsewhere(seed) for seed in ("0", "1", "2", "3")}
    assert len(runs) == 1
    assert len(runs.pop().splitlines()) == 3


@pytest.mark.parametrize("kind", ["wordpiece", "words", "characters"])
def test_vocabulary_stays_within_its_size(kind):
    texts = [
        "".join(chr(0x4E00 + (7 * i + j) % 900) for j in range(5)) + f" w{i}" for i in range(300)
    ]
    tokenizer = Tokenizer.train(texts, kind, 120, True, 1)
    assert tokenizer.vocabulary_size <= 120


def test_learned_wordpiece_builds_words_from_pieces():
    tokenizer = Tokenizer.train(["lowest slow lower newest newer"] * 20, "wordpiece", 60, True, 2)
    ids = tokenizer.encode(["slowest"], max_length=16).token_ids[0]
    assert tokenizer.unknown_id not in ids.tolist()
    assert tokenizer.decode(ids) == "slowest"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((TEXTS, "bytes", 100), "unknown tokenizer 'bytes': expected one of wordpiece, words"),
        ((TEXTS, "words", 3), "vocabulary_size 3 is too small"),
        (([], "words", 100), "cannot train a words tokenizer: no text"),
        (([" "], "wordpiece", 100), "cannot train a wordpiece tokenizer: no text"),
    ],
)
def test_training_refuses(arguments, message):
    with pytest.raises(InputError, match=message):
        Tokenizer.train(*arguments)


def test_max_length_without_room(ours):
    with pytest.raises(InputError, match="max_length 2 is too small for a text"):
        ours.encode(["cat"], max_length=2)
    with pytest.raises(InputError, match="max_length 4 is too small for a pair"):
        ours.encode(["cat"], ["mat"], max_length=4)


def test_bad_files(tmp_path):
    with pytest.raises(InputError, match=r"cannot read vocabulary .*No such file"):
        Tokenizer.from_wordpiece(tmp_path / "none.txt", True)
    vocab = tmp_path / "vocab.txt"
    vocab.write_text("[PAD]\n[UNK]\nthe\n")
    with pytest.raises(InputError, match=r"no line \[CLS\], \[SEP\]"):
        Tokenizer.from_wordpiece(vocab, True)
    vocab.write_text("the\n[PAD]\n[UNK]\n[CLS]\n[SEP]\n")
    with pytest.raises(InputError, match=r"\[PAD\] is line 2, expected line 1"):
        Tokenizer.from_wordpiece(vocab, True)
    vocab.write_bytes(b"\xff\xfe")
    with pytest.raises(InputError, match="not UTF-8"):
        Tokenizer.from_wordpiece(vocab, True)
    with pytest.raises(InputError, match=r"cannot read tokenizer .*No such file"):
        Tokenizer.load(tmp_path)
    (tmp_path / "tokenizer.json").write_text('{"version": "1.0"')
    with pytest.raises(InputError, match="not a tfapps tokenizer"):
        Tokenizer.load(tmp_path)


# Accents and vowel signs

PAIRS = [
    ("spanish", "ano", "año"),
    ("vietnamese", "ma", "mạ"),
    ("german", "schon", "schön"),
    ("kana", "かき", "がぎ"),
    ("thai", "มา", "ม้า"),
    ("hindi", "कल", "कुल"),
    ("hebrew", "שלם", "שָׁלֵם"),
    ("arabic", "علم", "عُلِمَ"),
]


def _ids(tokenizer, text):
    return tokenizer.encode([text], max_length=30).token_ids[0].tolist()


@pytest.mark.parametrize("kind", ["wordpiece", "words", "characters"])
@pytest.mark.parametrize(("language", "plain", "marked"), PAIRS)
def test_words_that_differ_in_an_accent_alone_differ(kind, language, plain, marked):
    texts = [plain, marked, marked.upper()] * 3
    tokenizer = Tokenizer.train(texts, kind, 60, True, 1)
    assert _ids(tokenizer, plain) != _ids(tokenizer, marked)
    for form in ("NFC", "NFD"):
        assert _ids(tokenizer, unicodedata.normalize(form, marked.upper())) == _ids(
            tokenizer, marked
        )
    stripped = Tokenizer.train(texts, kind, 60, True, 1, strip_accents=True)
    assert _ids(stripped, plain) == _ids(stripped, marked)


def test_byte_pairs_without_accents():
    kept, stripped = (Tokenizer.train(["ano año"], "bpe", 8, None, 1, strip) for strip in (0, 1))
    assert _ids(kept, "ano") != _ids(kept, "año")
    assert _ids(stripped, "ano") == _ids(stripped, "an\u0303o") == _ids(stripped, "año")


@pytest.mark.parametrize("kind", ["wordpiece", "words"])
@pytest.mark.parametrize("strip_accents", [True, False])
def test_a_copy_of_an_unknown_word_has_all_its_marks(kind, strip_accents):
    tokenizer = Tokenizer.train(["a b"], kind, 20, True, 1, strip_accents)
    copies = tokenizer.words("a தமிழ் Cafe\u0301")
    assert [copy for copy in copies if copy] == ["a", "தமிழ்", "Café"]


@pytest.mark.parametrize("lowercase", [True, False])
def test_a_bundle_of_before_keeps_what_its_tokenizer_did(lowercase, tmp_path):
    """Its file says nothing of accents, or null: BERT's normaliser then follows the case."""
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "ano", "año", "Ano", "unused"]
    (tmp_path / "vocab.txt").write_text("\n".join(pieces), encoding="utf-8")
    old = Tokenizer.from_wordpiece(tmp_path / "vocab.txt", lowercase)
    old.save(tmp_path)
    saved = json.loads((tmp_path / "tokenizer.json").read_text(encoding="utf-8"))
    assert saved["normalizer"] == {
        "type": "BertNormalizer",
        "clean_text": True,
        "handle_chinese_chars": True,
        "strip_accents": None,
        "lowercase": lowercase,
    }
    opened = Tokenizer.load(tmp_path)
    for tokenizer in (opened, opened.trimmed(range(8)), opened.looking_at("case_ids")):
        assert tokenizer.lowercase is lowercase
        expected = [5, 5] if lowercase else [6, 7]
        assert _ids(tokenizer, "año Ano")[1:-1] == expected


def test_a_trimmed_tokenizer_reads_accents_as_before():
    for strip_accents in (True, False):
        tokenizer = Tokenizer.train(["año ano ANO"] * 3, "wordpiece", 60, True, 1, strip_accents)
        small = tokenizer.trimmed(range(tokenizer.vocabulary_size - 1))
        assert small.lowercase
        assert (_ids(small, "añ") == _ids(small, "an")) is strip_accents


@pytest.mark.parametrize("name", ["bert", "bilstm", "bilstm_cnn", "seq2seq_lstm"])
@pytest.mark.parametrize("strip_accents", [True, False])
def test_every_model_trains_the_tokenizer_that_the_config_asks_for(name, strip_accents):
    module = registry.load("model", name)
    kind = "words" if name == "bilstm_cnn" else "wordpiece"
    text = TextConfig(tokenizer=kind, min_frequency=1, strip_accents=strip_accents)
    options = {"size": "tiny"} if name == "bert" else {}
    tokenizer = module.Model.tokenizer(module.Config(**options), text, ["ano año"] * 2)
    assert (_ids(tokenizer, "ano") == _ids(tokenizer, "año")) is strip_accents
