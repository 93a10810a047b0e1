"""Windows of long sentences, labels of words, and answers with their places in the text."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tfapps.config.load import ConfigError, from_dict
from tfapps.decoding import viterbi
from tfapps.errors import InputError
from tfapps.metrics.probability import softmax
from tfapps.tasks import _windows
from tfapps.tasks.tagging import Config, Task
from tfapps.text import words
from tfapps.text.tokenizer import Tokenizer

TOKENS = ["Ann", "of", "New", "Amsterdam", "sleeps"]
TAGS = ["B-PER", "O", "B-LOC", "I-LOC", "O"]
SENTENCE = {"tokens": TOKENS, "tags": TAGS, "document": 1}


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory):
    """Letters and a few words, so that most words are of several pieces."""
    letters = "amsterdlonwpfyk"
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "ann", "of", "new", *letters]
    pieces += [f"##{letter}" for letter in letters]
    file = tmp_path_factory.mktemp("vocabulary") / "vocab.txt"
    file.write_text("\n".join(pieces))
    return Tokenizer.from_wordpiece(file, lowercase=True)


def task(**config):
    return Task(Config(**config), ["LOC", "PER"])


def logits_for(task, windows, sure=5.0, length=40):
    """Outputs that say the tags of the windows: logits (b, t, k), and no preferences."""
    logits = np.zeros((len(windows), length, len(task.tags)), np.float32)
    for row, window in enumerate(windows):
        for place, tag in zip(window["places"], window["tags"], strict=True):
            logits[row, place, task.tags.index(tag)] = sure
    if not task.config.crf:
        return logits
    shape = (len(windows), len(task.tags) + 2, len(task.tags))
    return {"logits": logits, "transitions": np.zeros(shape, np.float32)}


def test_label_stands_at_the_first_piece_of_a_word(tokenizer):
    one = task()
    windows = one.expand([SENTENCE], tokenizer, 40)
    columns, lost = one.encode(windows, tokenizer, 40)
    pieces = [tokenizer.pieces()[i] for i in columns["token_ids"][0]]
    labels = columns["label_ids"][0]
    assert lost == 0
    assert pieces[0] == "[CLS]"
    assert pieces[-1] == "[SEP]"
    marked = {pieces[i]: one.tags[labels[i] - 1] for i in np.flatnonzero(labels)}
    assert marked == {"ann": "B-PER", "of": "O", "new": "B-LOC", "a": "I-LOC", "s": "O"}
    assert columns["words"].tolist() == [5.0]


def test_a_word_without_a_piece_is_not_lost(tokenizer):
    windows = task().expand([{"tokens": ["ann", "\u200b", "of"], "tags": ["O"] * 3}], tokenizer, 20)
    columns, _ = task().encode(windows, tokenizer, 20)
    assert (columns["label_ids"][0] > 0).sum() == 3
    assert tokenizer.unknown_id in columns["token_ids"][0]


sentences = st.lists(
    st.lists(st.sampled_from([*"amst", "ann", "of", "new", "amsterdam", "flansdorp"]), max_size=20),
    min_size=1,
    max_size=4,
)


@settings(deadline=None, max_examples=60)
@given(sentences, st.integers(4, 30), st.integers(0, 6))
def test_every_word_is_answered_for_once_whatever_fits(
    tokenizer, given_sentences, max_length, context
):
    examples = [
        {"tokens": tokens, "tags": [f"B-{i}" for i in range(len(tokens))], "document": 1}
        for tokens in given_sentences
    ]
    windows = _windows.cut(examples, tokenizer, max_length, unit="words", context=context)
    assert _windows.sentences(windows) == given_sentences
    tags = _windows.stitched(windows, [window["tags"] for window in windows])
    assert tags == [example["tags"] for example in examples]
    columns = _windows.columns(windows, tokenizer, max_length)
    for window, ids in zip(windows, columns["token_ids"], strict=True):
        assert len(ids) <= max_length
        start, end = window["own"]
        firsts = [tokenizer.pieces_of([word])[0][0] for word in window["tokens"][start:end]]
        assert ids[window["places"]].tolist() == firsts


def test_windows_overlap_so_that_a_word_has_both_sides(tokenizer):
    example = {"tokens": ["ann"] * 30, "tags": ["O"] * 30}
    windows = task().expand([example], tokenizer, 14)
    assert len(windows) == 3
    for before, after in itertools.pairwise(windows):
        assert before["own"][1] < len(before["tokens"])
        assert after["own"][0] > 0


def test_context_is_of_the_same_document_only(tokenizer):
    examples = [
        {"tokens": ["new"], "tags": ["O"], "document": 1},
        {"tokens": ["ann"], "tags": ["O"], "document": 2},
        {"tokens": ["of", "of"], "tags": ["O", "O"], "document": 2},
    ]
    first, second, third = task(context=1).expand(examples, tokenizer, 10)
    assert (first["tokens"], first["own"]) == (["new"], [0, 1])
    assert (second["tokens"], second["own"]) == (["ann", "of"], [0, 1])
    assert (third["tokens"], third["own"]) == (["ann", "of", "of"], [1, 3])
    columns, _ = task(context=1).encode([third], tokenizer, 10)
    assert np.flatnonzero(columns["label_ids"][0]).tolist() == [2, 3]


def test_no_room_for_a_word(tokenizer):
    with pytest.raises(InputError, match="max_length 3 is too small for words"):
        task().expand([SENTENCE], tokenizer, 3)


@pytest.mark.parametrize("crf", [False, True])
@pytest.mark.parametrize("scheme", ["iob2", "bioes"])
def test_answers_of_a_plain_text(tokenizer, crf, scheme):
    one = task(crf=crf, scheme=scheme)
    text = "Ann of  New Amsterdam, sleeps."
    windows = one.expand([{"text": text, "label": None}], tokenizer, 40)
    tags = ["S-PER", "O", "B-LOC", "E-LOC", "O", "O", "O"]
    windows[0]["tags"] = tags if scheme == "bioes" else [*TAGS, "O", "O"]
    (answer,) = one.decode(logits_for(one, windows), windows)
    actual = answer["entities"]
    assert [(entity["text"], entity["label"]) for entity in actual] == [
        ("Ann", "PER"),
        ("New Amsterdam", "LOC"),
    ]
    assert all(text[e["start"] : e["end"]] == e["text"] for e in actual)
    assert all(0.9 < entity["score"] <= 1 for entity in actual)


def test_a_text_without_words_has_no_entities(tokenizer):
    one = task()
    windows = one.expand([{"text": " "}, {"text": "ann"}], tokenizer, 10)
    outputs = np.zeros((2, 4, 5), np.float32)
    assert one.decode(outputs, windows) == [{"entities": []}, {"entities": []}]
    columns, _ = one.encode(windows, tokenizer, 10)
    assert [len(ids) for ids in columns["token_ids"]] == [3, 3]


def test_stitched_answers_of_a_long_sentence(tokenizer):
    one = task(crf=True)
    tokens, tags = TOKENS * 6, TAGS * 6
    windows = one.expand([{"tokens": tokens, "tags": tags}, SENTENCE], tokenizer, 16)
    assert len(windows) > 5 > len(_windows.sentences(windows))
    outputs = logits_for(one, windows)
    assert one.decide(outputs, windows) == [tags, TAGS]
    assert one.predict_metrics(outputs, {}, windows)["f1"] == 1.0
    names = [entity["text"] for entity in one.decode(outputs, windows)[0]["entities"]]
    assert names == ["Ann", "New Amsterdam"] * 6


def test_crf_obeys_the_scheme_and_returns_marginals(tokenizer):
    one = task(crf=True)
    windows = one.expand([SENTENCE], tokenizer, 40)
    outputs = logits_for(one, windows)
    for place in windows[0]["places"]:  # each word alone would rather be inside
        outputs["logits"][0, place, one.tags.index("I-LOC")] = 6.0
    (decided,) = one.decide(outputs, windows)
    assert decided[0] != "I-LOC"
    logits = outputs["logits"][0, windows[0]["places"]]
    shares = viterbi.marginals(logits, outputs["transitions"][0], one.allowed)
    (answer,) = one.decode(outputs, windows)
    first = answer["entities"][0]
    count = len(first["text"].split())
    numbers = [one.tags.index(tag) for tag in decided[:count]]
    assert first["score"] == pytest.approx(shares[range(count), numbers].mean(), abs=1e-4)


def test_scores_without_crf_are_those_of_softmax(tokenizer):
    one = task()
    windows = one.expand([SENTENCE], tokenizer, 40)
    (answer,) = one.decode(logits_for(one, windows, sure=2.0), windows)
    assert answer["entities"][0]["score"] == pytest.approx(
        softmax(np.array([2.0, 0, 0, 0, 0])).max(), abs=1e-4
    )


def test_loss_of_words_alone(tokenizer):
    """What is said at other places than the first pieces of words costs nothing."""
    for config in ({}, {"crf": True}):
        one = task(**config)
        windows = one.expand([SENTENCE], tokenizer, 40)
        columns, _ = one.encode(windows, tokenizer, 40)
        outputs = logits_for(one, windows, length=len(columns["label_ids"][0]))
        targets = {"label_ids": np.array(columns["label_ids"])}
        logits = outputs["logits"] if one.config.crf else outputs
        before = float(one.loss(targets, outputs)[0])
        logits[0, targets["label_ids"][0] == 0] = 100.0
        assert float(one.loss(targets, outputs)[0]) == pytest.approx(before, rel=1e-5)
        logits[0, windows[0]["places"][0]] = [9, 0, 0, 0, 0]
        assert float(one.loss(targets, outputs)[0]) > before + 0.5


@pytest.mark.parametrize("scheme", ["iob2", "bioes"])
def test_an_entity_across_two_windows_costs_no_more_than_another(tokenizer, scheme):
    one = task(crf=True, scheme=scheme)
    example = {"tokens": ["ann"] * 30, "tags": ["B-PER", *["I-PER"] * 29]}
    windows = one.expand([example], tokenizer, 12)
    assert len(windows) > 2
    columns, _ = one.encode(windows, tokenizer, 12)
    label_ids = np.zeros((len(windows), 12), np.int32)
    for row, ids in enumerate(columns["label_ids"]):
        label_ids[row, : len(ids)] = ids
    outputs = {
        "logits": np.zeros((len(windows), 12, len(one.tags)), np.float32),
        "transitions": np.zeros((len(windows), len(one.tags) + 2, len(one.tags)), np.float32),
    }
    loss = np.asarray(one.loss({"label_ids": label_ids}, outputs))
    assert (loss < np.log(len(one.tags)) + 1e-5).all()


def test_refusals():
    with pytest.raises(InputError, match="tagging needs words with tags, got texts; use data.sou"):
        Task.learn(Config(), [{"text": "a", "label": "b"}])
    with pytest.raises(InputError, match="training data has no entity, every tag is O"):
        Task.learn(Config(), [{"tokens": ["a"], "tags": ["O"]}])


def test_unseen_label_names_the_nearest(tokenizer):
    one = task()
    windows = one.expand([{"tokens": ["ann"], "tags": ["B-PERS"]}], tokenizer, 10)
    with pytest.raises(InputError, match="label 'PERS' was never seen.*did you mean 'PER'"):
        one.encode(windows, tokenizer, 10)


def test_balanced_classes_are_refused():
    raw = {"task": {"name": "tagging"}, "model": {"name": "bilstm"}}
    raw |= {"data": {"source": "conll"}, "train": {"class_weights": "balanced"}}
    with pytest.raises(ConfigError, match="train.class_weights: got balanced, but tagging has no"):
        from_dict(raw, "x")


def test_words_of_a_text():
    text = "U.N. aid (3.5 tons) isn't AT&T's, see e-mail: a_b 1996-08-22!"
    joined = " ".join(word.text for word in words.split(text, "words"))
    assert joined == "U.N. aid ( 3.5 tons ) isn't AT&T's , see e-mail : a_b 1996-08-22 !"
    assert all(text[w.start : w.end] == w.text for w in words.split(text, "words"))
    assert [w.text for w in words.split("今年 x", "characters")] == ["今", "年", "x"]
