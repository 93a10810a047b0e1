"""A smaller vocabulary: texts of remaining pieces are encoded as before, others are spelled."""

import csv
import gzip
import json
import string

import keras
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from plugins import problems
from running import tfapps, write_rows

from tfapps.bundle.bundle import Bundle
from tfapps.compress import trim_vocabulary as trim
from tfapps.compress.parts.job import Job
from tfapps.config import load as configs
from tfapps.errors import InputError
from tfapps.models import bert, bilstm
from tfapps.presets import presets
from tfapps.presets.packages import MINILM
from tfapps.serve.predictor import Predictor
from tfapps.stages.compress import compress
from tfapps.stages.run import run
from tfapps.stages.train import train
from tfapps.text.tokenizer import SPECIALS, Tokenizer
from tfapps.text.vocabulary import spelling

BERT = SPECIALS["wordpiece"]


def wordpiece(folder, pieces):
    file = folder / "vocab.txt"
    file.write_text("\n".join([*BERT, *pieces]) + "\n", "utf-8")
    return Tokenizer.from_wordpiece(file, lowercase=True)


def pieces_of(tokenizer, text):
    piece = {number: piece for piece, number in tokenizer.vocabulary.items()}
    return [piece[i] for i in tokenizer.encode([text], max_length=200).token_ids[0].tolist()]


# The law: random vocabularies, random words.

LETTERS = "abc"
PIECE = st.text(LETTERS, min_size=1, max_size=4)
VOCABULARY = st.lists(st.tuples(st.booleans(), PIECE), min_size=1, max_size=25, unique=True)


WORDS = st.lists(st.text(LETTERS, min_size=1, max_size=9), min_size=1)
# `##ccc` leads to a dead end, as there is no `##b`; without it `##c ##c ##cb` is found.
DEAD_END = [(False, "a"), (True, "c"), (True, "ccc"), (True, "cb")]


@settings(max_examples=300, deadline=None)
@given(VOCABULARY, st.sets(st.sampled_from(range(25 + len(BERT)))), WORDS)
@example(DEAD_END, set(), ["acccb"])
def test_kept_pieces_stay_and_what_has_letters_is_never_unknown(
    tmp_path_factory, drawn, more, words
):
    pieces = [("##" if inside else "") + text for inside, text in drawn]
    before = wordpiece(tmp_path_factory.getbasetemp(), pieces)
    needed = {before.vocabulary[piece] for piece in spelling(before.vocabulary, BERT)}
    kept_pieces = needed | {number for number in more if number < before.vocabulary_size}
    after = before.trimmed(kept_pieces)
    names = {before.vocabulary[piece]: piece for piece in before.vocabulary}
    assert sorted(after.vocabulary, key=after.vocabulary.get) == [
        names[i] for i in sorted(kept_pieces)
    ]
    for word in words:
        old, new = pieces_of(before, word), pieces_of(after, word)
        if "[UNK]" not in old and {before.vocabulary[piece] for piece in old} <= kept_pieces:
            assert new == old
        letters = {word[0], *("##" + letter for letter in word[1:])}
        if letters <= before.vocabulary.keys():
            assert "[UNK]" not in new
            assert "".join(piece.removeprefix("##") for piece in new[1:-1]) == word


def test_removing_a_useless_piece_can_make_a_word_spellable(tmp_path):
    before = wordpiece(tmp_path, [("##" if inside else "") + text for inside, text in DEAD_END])
    after = before.trimmed(before.vocabulary[piece] for piece in spelling(before.vocabulary, BERT))
    assert pieces_of(before, "acccb")[1:-1] == ["[UNK]"]
    assert pieces_of(after, "acccb")[1:-1] == ["a", "##c", "##c", "##cb"]


def test_a_piece_with_a_letter_of_no_piece_of_its_own_cannot_go(tmp_path):
    tokenizer = wordpiece(tmp_path, ["a", "##b", "ab", "ac", "##bc", "##b#"])
    needed = spelling(tokenizer.vocabulary, BERT)
    assert sorted(needed, key=tokenizer.vocabulary.get) == [*BERT, "a", "##b", "ac", "##bc", "##b#"]


def test_ids_without_a_piece_never_stay(tmp_path):
    # A vocabulary file with a line twice has an id that no piece goes by.
    tokenizer = wordpiece(tmp_path, ["a", "##a", "aa", "aa", "##aa"])
    assert kept_pieces(tokenizer, ["a"], size=100) == set(tokenizer.vocabulary)


def test_specials_and_limits_are_as_before(tmp_path):
    before = wordpiece(tmp_path, ["a", "##a", "aa", "[", "]", "pad", "p", "##d"])
    after = before.trimmed([i for i in range(before.vocabulary_size) if i not in (7, 10)])
    assert [after.vocabulary[special] for special in BERT] == [0, 1, 2, 3, 4]
    assert (after.pad_id, after.unknown_id, after.mask_id) == (0, 1, 4)
    assert pieces_of(after, "[PAD]") == ["[CLS]", "[", "p", "##a", "##d", "]", "[SEP]"]
    assert (
        pieces_of(after, "a" * 101) == pieces_of(before, "a" * 101) == ["[CLS]", "[UNK]", "[SEP]"]
    )
    assert pieces_of(after, "q") == ["[CLS]", "[UNK]", "[SEP]"]


@pytest.mark.parametrize("lowercase", [True, False])
def test_case_and_accents_are_read_as_before(lowercase, tmp_path):
    (tmp_path / "v").write_text("\n".join([*BERT, "e", "E", "é", "##e", "##é", "Ee"]), "utf-8")
    before = Tokenizer.from_wordpiece(tmp_path / "v", lowercase)
    after = before.trimmed(range(before.vocabulary_size - 1))
    assert pieces_of(after, "Éé ee")[1:-1] == pieces_of(before, "Éé ee")[1:-1]
    assert pieces_of(after, "Ee")[1:-1] == (["e", "##e"] if lowercase else ["E", "##e"])


# What stays


def job(tokenizer, texts, model=None, root=None):
    """A job whose training split is these texts."""
    if model is None:
        model = bilstm.build(
            bilstm.Config(units=2, embedding_size=3), vocabulary_size=tokenizer.vocabulary_size
        )

    def batches(split):
        assert split == "train"
        for ids in tokenizer.encode(texts, max_length=64).token_ids:
            yield {"token_ids": ids[None]}, {}, np.ones(1)

    return Job(model, {}, tokenizer, batches, None, 0, root)


def kept_pieces(tokenizer, texts, root=None, **options):
    actual = trim.plan(trim.Config(**options), job(tokenizer, texts, root=root))
    assert json.loads(json.dumps(actual)) == actual
    assert actual["pieces"] == tokenizer.vocabulary_size
    return set(trim.tokenizer(actual, tokenizer).vocabulary)


@pytest.fixture
def english(tmp_path):
    """A vocabulary that can spell, and a few words."""
    letters = string.ascii_lowercase
    more = ["cat", "dog", "sat", "cow", "the", "##ing", "##ed"]
    return wordpiece(tmp_path, [*letters, *("##" + letter for letter in letters), *more])


def words(actual):
    return {piece for piece in actual if len(piece.removeprefix("##")) > 1} - set(BERT)


def test_pieces_of_the_training_text_stay(english):
    actual = kept_pieces(english, ["the cat", "the cating"])
    assert words(actual) == {"the", "cat", "##ing"}
    assert {*BERT, "q", "##q"} <= actual


def test_min_count(english):
    texts = ["cat dog", "cat dog the", "cat"]
    assert words(kept_pieces(english, texts, min_count=2)) == {"cat", "dog"}
    assert words(kept_pieces(english, texts, min_count=3)) == {"cat"}
    assert words(kept_pieces(english, texts, min_count=9)) == set()


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("text", ["cow\t12\nDoged\t3\n", "cow\r\nDoged\r\n", "cow\n\ndoged\t0"])
def test_pieces_of_a_frequency_list_stay(english, text, packed, tmp_path):
    name = "list.txt.gz" if packed else "list.txt"
    (tmp_path / name).write_bytes(gzip.compress(text.encode()) if packed else text.encode())
    actual = kept_pieces(english, ["cat"], words=name, root=str(tmp_path))
    assert words(actual) == {"cat", "cow", "dog", "##ed"}


@pytest.mark.parametrize(
    "line", ["cow\tmany", "cow\t1\t2", "two words\t3", "\t3", "cow 3", "cow\t"]
)
def test_a_malformed_frequency_list_is_refused(english, line, tmp_path):
    (tmp_path / "list.txt").write_text(f"cat\t2\n{line}\n")
    with pytest.raises(InputError, match=r"list\.txt:2: .*expected a word, or a word, a tab and"):
        kept_pieces(english, ["cat"], words=str(tmp_path / "list.txt"))


def test_a_frequency_list_that_is_not_utf_8_names_no_setting(english, tmp_path):
    (tmp_path / "list.txt").write_bytes("cat\nKäse\n".encode("cp1252"))
    with pytest.raises(InputError, match=r"list\.txt:2: byte 0xe4 is not UTF-8; save") as error:
        kept_pieces(english, ["cat"], words=str(tmp_path / "list.txt"))
    assert "it is likely cp1252" in str(error.value)
    assert "data.encoding" not in str(error.value)


def test_a_missing_frequency_list_is_named(english, tmp_path):
    with pytest.raises(InputError, match=r"no file none\.txt: looked at"):
        kept_pieces(english, ["cat"], words="none.txt", root=str(tmp_path))


def test_size_adds_those_that_are_most_like_the_ones_used(english):
    model = bilstm.build(
        bilstm.Config(units=2, embedding_size=3), vocabulary_size=english.vocabulary_size
    )
    table = np.random.default_rng(0).normal(size=(english.vocabulary_size, 3)) / 10
    for piece, row in {"cat": 5, "dog": 4, "cow": 3, "the": -4, "##ed": -5}.items():
        table[english.vocabulary[piece]] = [row, 0, 0]
    model.get_layer("embeddings").set_weights([table])
    needed = len(spelling(english.vocabulary, BERT))
    for more, expected in ((0, {"cat"}), (1, {"cat"}), (3, {"cat", "dog", "cow"})):
        size = needed + more
        plan = trim.plan(trim.Config(size=size), job(english, ["cat a b"], model))
        assert words(trim.tokenizer(plan, english).vocabulary) == expected
        assert len(plan["kept"]) == max(size, needed + 1)
    everything = trim.plan(trim.Config(size=10_000), job(english, ["cat"], model))
    assert everything["kept"] == list(range(english.vocabulary_size))


@pytest.mark.parametrize("kind", ["words", "characters"])
def test_other_tokenizers_are_refused(kind):
    tokenizer = Tokenizer.train(["a b c"], kind, 20, True, 1)
    with pytest.raises(InputError, match=f"tokenizer is {kind}, expected wordpiece"):
        trim.plan(trim.Config(), job(tokenizer, ["a"]))
    with pytest.raises(InputError, match=f"cannot trim a tokenizer of {kind}"):
        tokenizer.trimmed([0, 1, 2])


def test_a_model_without_a_table_of_the_pieces_is_refused(english):
    model = bilstm.build(bilstm.Config(units=2, embedding_size=3), vocabulary_size=9)
    with pytest.raises(InputError, match=f"no embedding table of {english.vocabulary_size} pieces"):
        trim.plan(trim.Config(), job(english, ["cat"], model))


@pytest.mark.parametrize("name", ["qat", "prune", "prune_structured", "cluster"])
def test_trim_vocabulary_comes_before_other_compressors(name):
    assert "put trim_vocabulary first" in trim.NOT_AFTER[name]


def test_trim_vocabulary_has_a_fixed_place_in_compress():
    raw = {
        "task": {"name": "classification"},
        "data": {"source": "sample", "sample": "support_intents"},
        "model": {"name": "bilstm"},
        "compress": [{"name": "qat"}, {"name": "trim_vocabulary"}],
    }
    [problem] = problems(raw)
    assert problem.startswith("compress[1]: trim_vocabulary cannot come after qat (compress[0]): ")
    assert (
        configs.from_dict({**raw, "compress": raw["compress"][::-1]}, "x").compress[0].epochs == 0
    )


# The model


@pytest.mark.parametrize("name", ["bert", "bilstm"])
def test_the_small_model_answers_alike(name):
    options = {"units": 4, "embedding_size": 6} if name == "bilstm" else {"size": "tiny"}
    # As many positions as pieces: tables of one size must not be taken for one another.
    module = {"bert": bert, "bilstm": bilstm}[name]
    model = module.build(module.Config(max_length=12, **options), vocabulary_size=12)
    plan = {"pieces": 12, "kept": [0, 1, 2, 3, 7, 9]}
    small = trim.build(trim.Config(), model, plan)
    draw = np.random.default_rng(1)
    new = draw.integers(0, 6, (3, 12)).astype("int32")
    rest = {"padding_mask": np.ones_like(new), "segment_ids": draw.integers(0, 2, (3, 12))}
    inputs = {key: rest[key] for key in model.input if key in rest}
    expected = model({"token_ids": np.array(plan["kept"])[new], **inputs})
    got = small({"token_ids": new, **inputs})
    for output in expected:
        np.testing.assert_array_equal(got[output], expected[output])
    assert small.count_params() == model.count_params() - 6 * (6 if name == "bilstm" else 128)
    assert trim.report(trim.Config(), small) == {"pieces": 6, "pieces_before": 12}


# The whole way


def rows_of(path):
    with path.open(encoding="utf-8") as lines:
        return [row["text"] for row in csv.DictReader(lines, delimiter="\t")]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A tiny run, and what `compress` and `run` make of it in the same folder."""
    folder = tmp_path_factory.mktemp("trim")
    write_rows(folder / "train.tsv", 60)
    write_rows(folder / "dev.tsv", 24, start=1000)
    raw = {
        "task": {"name": "classification"},
        "data": {"source": "tsv", "train": "train.tsv", "dev": "dev.tsv", "root": str(folder)},
        "model": {"name": "bert", "size": "tiny", "layers": 1, "max_length": 16},
        "text": {"vocabulary_size": 300, "min_frequency": 1},
        "train": {"epochs": 1, "batch_size": 20, "learning_rate": 1e-3},
        "export": ["litert_float32"],
    }
    first = {"name": "trim_vocabulary"}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        train(configs.from_dict(raw, "whole"))
        run(configs.from_dict({**raw, "compress": [first]}, "trimmed"))
        then = {"name": "qat", "epochs": 0}
        compress(configs.from_dict({**raw, "compress": [first, then]}, "integer"))
    keras.config.set_dtype_policy("float32")
    return folder


def opened(folder, name, artifact="keras"):
    return Predictor.open(folder / "saved_models" / name, artifact)


def test_training_texts_get_the_same_logits(folder):
    texts = rows_of(folder / "train.tsv")
    full = opened(folder, "whole").logits(texts)
    np.testing.assert_allclose(opened(folder, "trimmed").logits(texts), full, atol=1e-6)
    small = opened(folder, "trimmed", "litert_float32").logits(texts)
    np.testing.assert_allclose(small, full, atol=1e-4)


def test_the_bundle_is_small_and_reports_its_size(folder):
    full, small = (Bundle.open(folder / "saved_models" / n) for n in ("whole", "trimmed"))
    before, after = (Tokenizer.load(bundle.text).vocabulary_size for bundle in (full, small))
    assert after < before
    [note] = small.metrics["compression"]
    assert note["report"] == {"pieces": after, "pieces_before": before}
    assert "training" not in note
    saved = full.weights.stat().st_size - small.weights.stat().st_size
    assert saved == pytest.approx((before - after) * 128 * 4, abs=64)


def test_unseen_words_are_spelt(folder):
    full, small = (
        Tokenizer.load(folder / "saved_models" / name / "text") for name in ("whole", "trimmed")
    )
    changed = 0
    for text in ["ham number appe", "druw", *rows_of(folder / "dev.tsv"), *full.vocabulary]:
        old, new = pieces_of(full, text), pieces_of(small, text)
        changed += old != new
        assert ("[UNK]" in new) == ("[UNK]" in old)
        assert small.decode([small.vocabulary[p] for p in new]) == full.decode(
            [full.vocabulary[p] for p in old]
        )
    assert changed


def test_the_command_line_answers_with_the_small_vocabulary(folder):
    texts = ["I want the plum number 8", "I want the sawing number 7"]
    done = tfapps("predict", "saved_models/trimmed", *texts, cwd=folder)
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    expected = opened(folder, "whole")(texts[:1])
    assert lines[0]["label"] == expected[0]["label"]
    assert lines[0]["score"] == pytest.approx(expected[0]["score"], abs=1e-3)
    assert lines[1]["label"] in ("fruit", "tool")


def test_qat_works_after_trimming(folder):
    texts = rows_of(folder / "train.tsv")
    got, full = opened(folder, "integer").logits(texts), opened(folder, "whole").logits(texts)
    assert Bundle.open(folder / "saved_models" / "integer").compression["plans"][0]["kept"]
    assert 0 < np.abs(got - full).max() < 0.2


# The vocabulary of BERT


@pytest.mark.slow
def test_bert_vocabulary_on_banking77(real_data):
    file = real_data / "banking77" / "train.csv"
    try:
        vocabulary = presets.vocabulary(MINILM)
    except InputError as error:
        pytest.skip(str(error))
    before = Tokenizer.from_wordpiece(*vocabulary)
    with file.open(encoding="utf-8") as lines:
        texts = [row["text"] for row in csv.DictReader(lines)]
    model = bilstm.build(
        bilstm.Config(units=2, embedding_size=3), vocabulary_size=before.vocabulary_size
    )
    plan = trim.plan(trim.Config(), job(before, texts, model))
    assert len(plan["kept"]) == 4262
    after = before.trimmed(plan["kept"])
    assert [pieces_of(after, text) for text in texts[:500]] == [
        pieces_of(before, text) for text in texts[:500]
    ]
    with (file.parent / "dev.csv").open(encoding="utf-8") as lines:
        dev = [row["text"] for row in csv.DictReader(lines)]
    changed = [text for text in dev if pieces_of(after, text) != pieces_of(before, text)]
    assert len(changed) == 71
    assert not any("[UNK]" in pieces_of(after, text) for text in changed)
