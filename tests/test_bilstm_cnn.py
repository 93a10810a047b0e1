"""Words, their letters and case: features, the convolution over letters, vectors of a file."""

import keras
import numpy as np
import pytest

from tfapps.config.load import ConfigError, from_dict
from tfapps.config.sections import TextConfig
from tfapps.errors import InputError
from tfapps.layers.linear import Linear
from tfapps.layers.strongest import Strongest
from tfapps.layers.unfold import Unfold
from tfapps.models import bilstm_cnn
from tfapps.tasks.classification import Config as Labels
from tfapps.tasks.classification import Task
from tfapps.text import surface
from tfapps.text.tokenizer import Tokenizer

SENTENCES = [["Ann", "sees", "the", "cat"], ["the", "cat", "sees", "Ann"]]


def test_cases_distinguish_words():
    groups = [[""], ["ann", "cat's"], ["Ann"], ["ANN", "U.S."], ["McA", "iPod"], ["1999"], ["3.5"]]
    groups += [["x1y"], ["?!"]]
    numbers = [{surface.case_of(word) for word in group} for group in groups]
    assert all(len(actual) == 1 for actual in numbers)
    assert len(set.union(*numbers)) == len(groups)
    assert set.union(*numbers) <= set(range(surface.CASES))
    assert surface.case_of("A") == surface.case_of("Ann")  # the start of a sentence, most often


def test_letters_have_numbers_and_long_words_keep_both_ends():
    actual = surface.letters_of("Ab!é")
    assert len(actual) == surface.LONGEST
    assert actual[4:] == (0,) * (surface.LONGEST - 4)
    assert len(set(actual[:4])) == 4
    assert all(0 < number < surface.LETTERS for number in actual[:4])
    long = "abcdefghij" + "x" * 50 + "klmnopqrst"
    assert surface.letters_of(long) == surface.letters_of("abcdefghijklmnopqrst")
    assert all(0 < surface._number(code) < surface.LETTERS for code in (9, 127, 0x4E2D, 0x1F600))


def test_features_of_a_text_stand_where_its_words_do():
    tokenizer = Tokenizer.train(["Ann sees cats"], "wordpiece", 60, True, 1)
    tokenizer = tokenizer.looking_at("case_ids", "char_ids")
    columns, _ = Task(Labels(), ["a", "b"]).encode([{"text": "Ann CATS"}], tokenizer, 20)
    ids, cases = columns["token_ids"][0], columns["case_ids"][0]
    assert len(ids) == len(cases) == len(columns["char_ids"][0])
    assert cases[0] == cases[-1] == 0  # [CLS] and [SEP]
    words = ["Ann"] + ["CATS"] * (len(ids) - 3)
    assert cases[1:-1].tolist() == [surface.case_of(word) for word in words]
    assert columns["char_ids"][0][1].tolist() == list(surface.letters_of("Ann"))


def test_features_of_a_pair_of_texts():
    tokenizer = Tokenizer.train(["ann sees cats"], "words", 60, True, 1).looking_at("case_ids")
    example = {"text": "Ann sees", "text_pair": "CATS Ann sees"}
    columns, _ = Task(Labels(), ["a", "b"]).encode([example], tokenizer, 20)
    expected = [surface.case_of(w) for w in ("Ann", "sees", "", "CATS", "Ann", "sees")]
    assert columns["case_ids"][0].tolist() == expected


def test_a_surface_is_saved_with_the_tokenizer(tmp_path):
    tokenizer = Tokenizer.train(["a b"], "words", 20, True, 1)
    tokenizer.looking_at("case_ids").save(tmp_path / "one")
    tokenizer.save(tmp_path / "other")
    assert Tokenizer.load(tmp_path / "one").surface == ("case_ids",)
    assert Tokenizer.load(tmp_path / "other").surface == ()


def test_unfold_and_linear_are_a_convolution():
    keras.utils.set_random_seed(2)
    x = np.random.default_rng(1).normal(size=(4, 9, 5)).astype("float32")
    layer = Linear(6, activation="relu", name="filters")
    actual = Strongest()(layer(Unfold(3)(x)))
    convolution = keras.layers.Conv1D(6, 3, padding="same", activation="relu")
    convolution.build(x.shape)
    kernel = np.asarray(layer.kernel).reshape(3, 5, 6)
    convolution.set_weights([kernel, np.asarray(layer.bias)])
    expected = keras.layers.GlobalMaxPooling1D()(convolution(x))
    np.testing.assert_allclose(actual, expected, atol=1e-5)
    with pytest.raises(ValueError, match="width: got 4, expected an odd number"):
        Unfold(4)


def test_neighbours_of_a_text_of_any_length():
    x = np.arange(8, dtype="float32").reshape(1, 4, 2)
    any_length = keras.Input((None, 2))
    model = keras.Model(any_length, Unfold(3)(any_length))
    np.testing.assert_array_equal(model(x), Unfold(3)(x))
    np.testing.assert_array_equal(model(x)[0, 1], x[0, :3].ravel())
    raw = {"task": {"name": "tagging"}, "data": {"source": "conll"}}
    raw["model"] = {"name": "bilstm_cnn", "filter_width": 4}
    with pytest.raises(ConfigError, match="filter_width: got 4, expected an odd number of letters"):
        from_dict(raw, "x")


def test_words_are_taken_whole():
    config = bilstm_cnn.Config(embedding_size=4)
    text = TextConfig(min_frequency=1)
    tokenizer = bilstm_cnn.tokenizer(config, text, [["U.S.", "isn't"], ["U.S."]])
    assert {"u.s.", "isn't"} <= set(tokenizer.pieces())
    actual = tokenizer.pieces_of(["U.S.", "isn't", "won't"])
    assert [len(ids) for ids in actual] == [1, 1, 1]
    assert actual[2][0] == tokenizer.unknown_id
    with pytest.raises(InputError, match="got wordpiece, but bilstm_cnn reads whole words"):
        bilstm_cnn.tokenizer(config, TextConfig(tokenizer="wordpiece"), SENTENCES)


def vectors(folder, *lines):
    path = folder / "vectors.txt"
    path.write_text("\n".join(lines) + "\n")
    return str(path)


@pytest.mark.parametrize("header", [[], ["3 4"]])
def test_vectors_of_a_file_are_where_their_words_are(tmp_path, header):
    file = vectors(tmp_path, *header, "cat 1 2 3 4", "dog 5 6 7 8", "the 0 0 0 1")
    config = bilstm_cnn.Config(embedding_size=4, vectors=file, units=3)
    tokenizer = bilstm_cnn.tokenizer(config, TextConfig(min_frequency=2), SENTENCES)
    model = bilstm_cnn.build(config, vocabulary_size=tokenizer.vocabulary_size)
    before = np.asarray(model.get_layer("embeddings").embeddings).copy()
    bilstm_cnn.load_pretrained(config, model, tokenizer)
    table = np.asarray(model.get_layer("embeddings").embeddings)
    numbers = {piece: number for number, piece in enumerate(tokenizer.pieces())}
    assert table[numbers["dog"]].tolist() == [5, 6, 7, 8]  # a word of the file alone is known too
    assert table[numbers["cat"]].tolist() == [1, 2, 3, 4]
    np.testing.assert_array_equal(table[numbers["ann"]], before[numbers["ann"]])


def test_vectors_that_are_refused(tmp_path):
    text = TextConfig()
    for lines, message in (
        (["cat 1 2 3"], r"vectors.txt:1: expected a word and 4 numbers \(model.embedding_size\)"),
        (["cat 1 2 3 4", "dog 1 2 x 4"], "vectors.txt:2: expected a word and 4 numbers"),
    ):
        config = bilstm_cnn.Config(embedding_size=4, vectors=vectors(tmp_path, *lines))
        bilstm_cnn._vectors.read.cache_clear()
        with pytest.raises(InputError, match=message):
            bilstm_cnn.tokenizer(config, text, SENTENCES)
    config = bilstm_cnn.Config(embedding_size=4, vectors="gone.txt")
    with pytest.raises(InputError, match="no file gone.txt: looked at"):
        bilstm_cnn.tokenizer(config, text, SENTENCES)
