"""Which words led to an answer: the methods against numbers known by other means, and the verb."""

import json
import re
from types import SimpleNamespace

import keras
import numpy as np
import pytest
import qat_models
from keras import ops
from running import copied, tfapps

from tfapps import registry
from tfapps.bundle.bundle import Bundle
from tfapps.cli import _coloured, _page
from tfapps.config import load as configs
from tfapps.errors import ConfigError, InputError
from tfapps.explain import integrated_gradients, occlusion, rollout
from tfapps.explain.parts import text as reading
from tfapps.explain.parts.reader import Reader, attentions
from tfapps.explain.parts.text import Text, Word
from tfapps.features.feature import tokens
from tfapps.layers.at_token import AtToken
from tfapps.layers.embedding import Embedding
from tfapps.layers.linear import Linear
from tfapps.stages import explain, faithful
from tfapps.tasks import classification, prompt
from tfapps.text.tokenizer import Tokenizer

BLANK, WIDTH = 1, 5


def draw(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def text_of(model, count=9, pieces=2, seed=1):
    """Random ids as a text: a special piece, words of so many pieces each, a special piece."""
    ids = np.random.default_rng(seed).integers(2, qat_models.WORDS, (1, count + 2), dtype="int32")
    word_of = np.array([-1, *(place // pieces for place in range(count)), -1])
    features = {
        "token_ids": ids,
        "segment_ids": np.zeros_like(ids),
        "padding_mask": np.ones_like(ids),
    }
    words = [Word(f"w{n}", 3 * n, 3 * n + 2, "text") for n in range(word_of.max() + 1)]
    return Text({name: features[name] for name in model.input}, words, word_of, BLANK)


def toy(reduce):
    """Embeddings, then `reduce` (x (b, t, d), mask (b, t, 1)) -> (b, d), then two labels."""
    keras.utils.set_random_seed(3)
    inputs = {
        name: keras.Input((None,), dtype="int32", name=name)
        for name in ("token_ids", "padding_mask")
    }
    x = Embedding(qat_models.WORDS, WIDTH, name="embeddings")(inputs["token_ids"])
    mask = ops.expand_dims(ops.cast(inputs["padding_mask"], "float32"), -1)
    model = keras.Model(inputs, Linear(2, name="head")(reduce(x, mask)))
    model.get_layer("embeddings").embeddings.assign(draw(qat_models.WORDS, WIDTH))
    model.get_layer("head").kernel.assign(draw(WIDTH, 2, seed=1))
    return model


@pytest.fixture(scope="module")
def linear():
    """A model whose logits are sums over the words of a text."""
    return toy(lambda x, mask: ops.sum(x * mask, axis=1))


def effects(model, text, target):
    """What each piece adds to the logit, more than a blank would: (t,)."""
    table = np.asarray(model.get_layer("embeddings").embeddings)
    weight = np.asarray(model.get_layer("head").kernel)[:, target]
    return (table[text.features["token_ids"][0]] - table[BLANK]) @ weight


def summed(text, pieces):
    return [pieces[text.word_of == number].sum() for number in range(len(text.words))]


# Words and their pieces


@pytest.mark.parametrize("kind", ["wordpiece", "words", "characters", "bpe"])
def test_words_have_all_pieces_and_their_places(kind):
    seen = ["where is my parcel?", "the café in Zürich, 3.5 km", "refund"] * 3
    tokenizer = Tokenizer.train(seen, kind, 60, None, 1)
    task = classification.Task(classification.Config(), ["a", "b"])
    sentence = "Where is  the café, Zoë's 3.5?"
    inputs = tokens("token_ids", "padding_mask")
    text, cut = reading.read({"text": sentence, "label": None}, task, tokenizer, inputs, 100)
    assert not cut
    assert all(sentence[word.start : word.end] == word.text for word in text.words)
    letters = [place for word in text.words for place in range(word.start, word.end)]
    assert letters == [place for place, letter in enumerate(sentence) if not letter.isspace()]
    expected = (
        sentence.split() if kind == "characters" else ["Where", "is", "the", "café", ",", "3.5"]
    )
    if kind == "characters":
        assert [word.text for word in text.words] == list("".join(expected))
    else:
        assert set(expected) < {word.text for word in text.words}
    ids = text.features["token_ids"][0]
    special = np.isin(ids, list(tokenizer.special_ids))
    assert (text.word_of[special] == -1).all()
    assert set(text.word_of[text.word_of >= 0]) == set(range(len(text.words)))
    assert (np.diff(text.word_of[text.word_of >= 0]) >= 0).all()


@pytest.mark.parametrize(
    ("text", "spans", "words"),
    [
        ("cafe\u0301 noir", [(0, 4), (6, 10)], ["cafe\u0301", "noir"]),
        ("हिन्दी अब", [(0, 6), (7, 9)], ["हिन्दी", "अब"]),
        ("5€ now", [(0, 2), (3, 6)], ["5€", "now"]),
        ("我爱 NYC", [(0, 1), (1, 2), (3, 6)], ["我", "爱", "NYC"]),
        ("", [], []),
    ],
)
def test_words_are_split_as_readers_expect(text, spans, words):
    actual, numbers = reading.split(text, spans, "words")
    assert [text[start:end] for start, end in actual] == words
    assert numbers.max(initial=-1) == len(words) - 1
    assert (numbers >= 0).all()


def test_the_words_of_a_pair_are_those_of_both_texts():
    tokenizer = Tokenizer.train(["one two three", "four five"], "wordpiece", 60, None, 1)
    task = classification.Task(classification.Config(), ["a", "b"])
    example = {"text": "one two", "text_pair": "two five", "label": None}
    inputs = tokens("token_ids", "padding_mask", "segment_ids")
    text, _ = reading.read(example, task, tokenizer, inputs, 64)
    words = [(word.text, word.key, word.start) for word in text.words]
    assert words == [
        ("one", "text", 0),
        ("two", "text", 4),
        ("two", "text_pair", 0),
        ("five", "text_pair", 4),
    ]
    segments = text.features["segment_ids"][0]
    for number, word in enumerate(text.words):
        assert set(segments[text.word_of == number]) == {int(word.key == "text_pair")}


@pytest.mark.parametrize("pattern", ["{text} It was [MASK].", "[MASK] was: {text} It was"])
def test_a_prompt_pattern_is_no_word_and_its_gap_is_never_hidden(pattern):
    tokenizer = Tokenizer.train(["one two three It was: good bad."], "wordpiece", 60, None, 1)
    words = {"yes": "good", "no": "bad"}
    task = prompt.Task(prompt.Config(pattern=pattern, verbalizer=words), ["no", "yes"])
    task.mask_id = tokenizer.mask_id
    inputs = tokens("token_ids", "padding_mask", "segment_ids")
    example = {"text": "one two was three", "label": None}
    full = len(task.encode([example], tokenizer, 64)[0]["token_ids"][0])
    shorter = full - len(tokenizer.ids(["three"])[0])
    for length, expected in ((full, example["text"].split()), (shorter, ["one", "two", "was"])):
        text, cut = reading.read(example, task, tokenizer, inputs, length)
        assert cut == (length == shorter)
        pieces = np.array(tokenizer.pieces())[text.features["token_ids"][0]]
        assert [word.text for word in text.words] == expected
        for number, word in enumerate(expected):
            assert "".join(pieces[text.word_of == number]).replace("##", "") == word
        hidden = np.ones((1, len(text.words)), bool)
        for features in (reading.blanked(text, hidden), reading.removed(text, hidden)):
            assert (features["token_ids"] == task.mask_id).sum() == 1


def test_rollout_of_a_prompt_ends_at_its_gap():
    gap = 3
    inputs = {"token_ids": keras.Input((None,), dtype="int32", name="token_ids")}
    x = Embedding(qat_models.WORDS, WIDTH, name="embeddings")(inputs["token_ids"])
    model = keras.Model(inputs, AtToken(gap, name="gap")(x, inputs["token_ids"]))
    actual = Reader(model).pooled({"token_ids": np.array([[2, 5, gap, 6]])})
    assert actual.tolist() == [0, 0, 1, 0]


def test_truncated_words_are_not_explained():
    tokenizer = Tokenizer.train(["one two three"], "words", 60, None, 1)
    task = classification.Task(classification.Config(), ["a", "b"])
    example = {"text": "one two three", "label": None}
    text, cut = reading.read(example, task, tokenizer, tokens("token_ids"), 2)
    assert cut
    assert [word.text for word in text.words] == ["one", "two"]


def test_hidden_words_are_blanked_or_removed(linear):
    text = text_of(linear, 5)
    hidden = np.array([[True, False, False], [True, True, True]])
    ids = text.features["token_ids"][0]
    blank = reading.blanked(text, hidden)
    assert blank["token_ids"][0].tolist() == [ids[0], BLANK, BLANK, *ids[3:]]
    assert blank["padding_mask"].all()
    left = reading.removed(text, hidden)
    assert left["token_ids"][0].tolist() == [ids[0], *ids[3:], 0, 0]
    assert left["padding_mask"].sum(axis=1).tolist() == [5, 2]
    bare = text._replace(word_of=np.where(text.word_of < 0, 0, text.word_of))
    nothing = reading.removed(bare, np.ones((1, 3), bool))
    assert nothing["token_ids"][0].tolist() == [BLANK, 0, 0, 0, 0, 0, 0]
    assert nothing["padding_mask"].sum() == 1


# Integrated gradients


@pytest.mark.parametrize("steps", [1, 300])
def test_integrated_gradients_of_a_linear_model_are_weight_times_change(linear, steps):
    text = text_of(linear)
    options = integrated_gradients.Config(steps=steps)
    scores = integrated_gradients.explain(options, Reader(linear), text, 1)
    pieces = effects(linear, text, 1)
    np.testing.assert_allclose(scores.words, summed(text, pieces), rtol=1e-4, atol=1e-5)
    assert scores.rest == 0
    assert scores.delta < 1e-4


@pytest.mark.parametrize("name", ["bert", pytest.param("bilstm", marks=pytest.mark.slow)])
def test_integrated_gradients_sum_up_to_the_difference_of_logits(name):
    model = qat_models.classifier(name)
    reader, text = Reader(model), text_of(model)
    options = integrated_gradients.Config(steps=512)
    scores = integrated_gradients.explain(options, reader, text, 2)
    ids = text.features["token_ids"].copy()
    ids[0, 1:-1] = BLANK
    nothing = {**text.features, "token_ids": ids}
    difference = reader.logits(text.features)[0, 2] - reader.logits(nothing)[0, 2]
    assert abs(difference) > 0.1
    assert scores.total == pytest.approx(difference, abs=1e-4)
    assert scores.words.sum() + scores.rest == pytest.approx(difference, abs=0.01)
    one = integrated_gradients.explain(options.model_copy(update={"steps": 1}), reader, text, 2)
    assert scores.delta < one.delta


def test_a_word_without_influence_scores_nothing():
    model = toy(lambda x, mask: ops.tanh(x[:, 1]))  # the first piece of the first word
    reader, text = Reader(model), text_of(model)
    for explainer in (integrated_gradients, occlusion):
        scores = explainer.explain(explainer.Config(), reader, text, 0)
        assert abs(scores.words[0]) > 0.01
        assert (scores.words[1:] == 0).all()


# Occlusion


@pytest.mark.parametrize("by", ["blank", "leave_out"])
def test_occlusion_is_what_the_logit_loses(by):
    model = qat_models.classifier("bilstm")
    reader, text = Reader(model), text_of(model, 6)
    scores = occlusion.explain(occlusion.Config(by=by), reader, text, 1)
    full = reader.logits(text.features)[0, 1]
    for number in range(3):
        gone = text.word_of == number
        ids = text.features["token_ids"][0].copy()
        ids[gone] = BLANK
        ids = ids if by == "blank" else ids[~gone]
        rest = {"token_ids": ids[None], "padding_mask": np.ones_like(ids)[None]}
        lost = full - reader.logits(rest)[0, 1]
        assert abs(lost) > 1e-3
        assert scores.words[number] == pytest.approx(lost, abs=1e-4)


def test_occlusion_of_a_linear_model_adds_up(linear):
    text = text_of(linear)
    scores = occlusion.explain(occlusion.Config(), Reader(linear), text, 0)
    np.testing.assert_allclose(scores.words, summed(text, effects(linear, text, 0)), atol=1e-4)
    assert scores.delta < 1e-4


# Roll-out


def softmax(x):
    x = np.exp(x - x.max(axis=-1, keepdims=True))
    return x / x.sum(axis=-1, keepdims=True)


def test_rollout_is_the_product_of_attention_and_identity():
    model = qat_models.classifier("bert")
    text = text_of(model)
    length = text.features["token_ids"].shape[1]
    layers = attentions(model)
    states = keras.Model(model.input, [layer.input[0] for layer in layers])
    flow = np.eye(length)
    for layer, x in zip(layers, states.predict_on_batch(text.features), strict=True):
        qkv = x[0] @ np.asarray(layer.qkv.kernel) + np.asarray(layer.qkv.bias)
        q, k, _ = (part.reshape(length, layer.heads, -1) for part in np.split(qkv, 3, axis=-1))
        scores = np.einsum("qhd,khd->hqk", q, k) / np.sqrt(q.shape[-1])
        mixed = 0.5 * softmax(scores).mean(axis=0) + 0.5 * np.eye(length)
        flow = mixed @ flow
    reader = Reader(model)
    ours = rollout.rolled(reader.attention(text.features), 0.5)
    np.testing.assert_allclose(ours, flow, atol=1e-5)
    np.testing.assert_allclose(ours.sum(axis=1), 1, atol=1e-6)
    assert len(layers) == 2
    scores = rollout.explain(rollout.Config(), reader, text, 0)
    np.testing.assert_allclose(reader.pooled(text.features), np.full(length, 1 / length))
    np.testing.assert_allclose(scores.words, summed(text, flow.mean(axis=0)), atol=1e-5)
    assert scores.rest == pytest.approx(flow.mean(axis=0)[[0, -1]].sum(), abs=1e-5)
    assert scores.delta < 1e-6


def test_rollout_to_the_first_state_where_that_is_pooled():
    weights = [np.array([[[0.2, 0.8], [0.6, 0.4]]])]
    first = np.array([1.0, 0.0])
    reader = SimpleNamespace(attention=lambda features: weights, pooled=lambda features: first)
    text = Text({}, [Word("a", 0, 1, "text")], np.array([-1, 0]), BLANK)
    scores = rollout.explain(rollout.Config(residual=0.0), reader, text, 0)
    assert (scores.words.tolist(), scores.rest) == ([0.8], 0.2)


def test_unsupported_models_are_refused_with_a_reason(linear):
    assert rollout.refusal(qat_models.classifier("bert")) is None
    assert rollout.refusal(linear) == (
        "rollout: the model has no self-attention to roll out; use integrated_gradients or "
        "occlusion"
    )
    assert integrated_gradients.refusal(linear) is None
    ids = keras.Input((None,), dtype="int32", name="token_ids")
    bare = keras.Model({"token_ids": ids}, ops.max(ids, axis=1, keepdims=True))
    assert integrated_gradients.refusal(bare) == (
        "integrated_gradients: no layer of the model embeds token_ids; use occlusion"
    )


# Faithfulness


def run_of(model):
    return explain.Explained(Reader(model), SimpleNamespace(activation="softmax"), None, (), 16)


def test_the_true_order_is_more_faithful_than_a_random_one(linear):
    """Words only add up there, so the order of their effects is the best one."""
    run = run_of(linear)
    texts = [text_of(linear, 8, pieces=1, seed=seed) for seed in range(8)]
    targets = [int(run.probabilities(text.features)[0].argmax()) for text in texts]
    weight = np.asarray(linear.get_layer("head").kernel)
    table = np.asarray(linear.get_layer("embeddings").embeddings)
    # Of two labels, what counts is the distance of their logits; left out, a word adds nothing.
    true = [
        (table[text.features["token_ids"][0, 1:-1]] @ (weight[:, t] - weight[:, 1 - t]))
        for text, t in zip(texts, targets, strict=True)
    ]
    random = np.random.default_rng(0)
    orders = {
        "true": true,
        "random": [random.random(len(text.words)) for text in texts],
        "reverse": [-scores for scores in true],
    }
    actual = {name: faithful.judged(run, texts, targets, order) for name, order in orders.items()}
    deletion, insertion = ([actual[name][kind] for name in orders] for kind in faithful.KINDS)
    assert deletion[0] < deletion[1] - 0.05 < deletion[2] - 0.1
    assert insertion[0] > insertion[1] + 0.05 > insertion[2] + 0.1
    for one in actual.values():
        gone, back = one["deletion_curve"], one["insertion_curve"]
        assert (gone["0"], gone["1"]) == pytest.approx((back["1"], back["0"]), abs=1e-5)


def test_faithfulness_removes_words_by_score_until_none_is_left():
    gone = faithful.removals(np.array([0.1, 0.9, -0.5, 0.4, 0.2]))
    assert not gone[0].any()
    assert np.flatnonzero(gone[2]).tolist() == [1]
    assert np.flatnonzero(gone[4]).tolist() == [1, 3]
    assert np.flatnonzero(gone[8]).tolist() == [0, 1, 3, 4]
    assert gone[10].all()


# What is shown

ANSWER = {
    "text": "<script>alert('1')</script> & good\033[2J",
    "label": "<b>fine</b>",
    "score": 0.9,
    "method": "occlusion",
    "words": [
        {"text": "<script>", "start": 0, "end": 8, "score": -0.5},
        {"text": "good", "start": 30, "end": 34, "score": 2.0},
    ],
    "rest": 0.0,
    "delta": 0.25,
}


def test_a_page_escapes_the_text_it_shows():
    page = _page.page("<i>tiny</i>", [ANSWER])
    policy = re.search('http-equiv="Content-Security-Policy" content="([^"]*)"', page)[1]
    assert policy.split("; ")[:2] == ["default-src 'none'", "style-src 'unsafe-inline'"]
    assert page.index("Content-Security-Policy") < page.index("<style>")
    assert "<script" not in page
    assert "<i>" not in page
    assert "<b>fine" not in page
    assert "&lt;script&gt;</span>alert(&#x27;1&#x27;)&lt;/script&gt; &amp; <span" in page
    assert f'rgba({_page.FOR}, 0.75)" title="+2.0000">good</span>' in page
    assert f'rgba({_page.AGAINST}, 0.19)" title="-0.5000">&lt;script&gt;</span>' in page


def test_terminal_colours_show_sign_and_strength():
    shown = _coloured.explained(ANSWER)
    strong, weak = _coloured.SHADE.format(_coloured.FOR[-1]), _coloured.AGAINST[1]
    assert shown == (
        f"{_coloured.SHADE.format(weak)}<script>{_coloured.END}alert('1')</script> & "
        f"{strong}good{_coloured.END}\\x1b[2J\n[<b>fine</b> 0.90] delta 0.2500"
    )


def test_a_faint_word_has_no_colour():
    words = [{**ANSWER["words"][0], "score": 0.001}, ANSWER["words"][1]]
    shown = _coloured.explained({**ANSWER, "words": words})
    assert shown.startswith("<script>alert")


# The command line


def answers_of(done):
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.parametrize("method", registry.names("explainer"))
def test_every_method_explains_a_run(workplace, method):
    texts = ["I want the pear", "a saw"]
    answers = answers_of(tfapps("explain", "tiny", "--method", method, *texts, cwd=workplace))
    predicted = answers_of(tfapps("predict", "tiny", "--artifact", "keras", *texts, cwd=workplace))
    assert [answer["text"] for answer in answers] == texts
    for answer, right in zip(answers, predicted, strict=True):
        assert answer["label"] == right["label"]
        assert answer["score"] == pytest.approx(right["score"], abs=2e-4)
        assert answer["method"] == method
        words = answer["words"]
        assert [word["text"] for word in words] == answer["text"].split()
        assert all(answer["text"][w["start"] : w["end"]] == w["text"] for w in words)
        assert set(words[0]) == {"text", "start", "end", "score"}
        assert {"rest", "delta"} < set(answer)
    if method != "rollout":
        assert max(answers[0]["words"], key=lambda word: word["score"])["text"] == "pear"


def test_labels_are_explained_against_each_other(workplace):
    options = ["tiny", "-", "--method", "occlusion", "--label"]
    for_, against = (
        answers_of(tfapps("explain", *options, label, cwd=workplace, stdin="the pear\n"))
        for label in ("fruit", "tool")
    )
    assert (for_[0]["label"], against[0]["label"]) == ("fruit", "tool")
    assert for_[0]["score"] + against[0]["score"] == pytest.approx(1, abs=2e-4)
    assert for_[0]["words"][1]["score"] > 0 > against[0]["words"][1]["score"]


def test_a_page_is_written_beside_the_lines(workplace, tmp_path):
    file = tmp_path / "page.html"
    done = tfapps("explain", "tiny", "<script>pear", "--html", file, cwd=workplace)
    assert len(answers_of(done)) == 1
    assert "<script" not in file.read_text()
    assert ">pear</span>" in file.read_text()


def test_a_long_text_is_cut_and_counted(workplace):
    done = tfapps("explain", "tiny", "apple " * 50, "--set", "steps=2", cwd=workplace)
    assert len(answers_of(done)[0]["words"]) <= 14
    assert done.stderr == "1 text(s) truncated to the model's length\n"


def test_an_empty_text_is_explained_without_words(workplace):
    (answer,) = answers_of(tfapps("explain", "tiny", "", "--method", "occlusion", cwd=workplace))
    assert answer["words"] == []


def test_faithfulness_is_printed_and_stored(workplace):
    copied(workplace, "explained")
    done = tfapps("explain", "explained", "--faithful", "--rows", "8", "--json", cwd=workplace)
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout.splitlines()[-1])
    assert figures["rows"] == 8
    methods = figures["methods"]
    assert set(methods) == {*registry.names("explainer"), "random"}
    bundle = Bundle.open(workplace / "saved_models/explained")
    assert bundle.metrics["faithfulness"] == figures
    assert (bundle.path / "faithfulness.png").read_bytes()[:4] == b"\x89PNG"
    for name in ("integrated_gradients", "occlusion"):
        assert methods[name]["deletion"] < methods["random"]["deletion"]
        assert methods[name]["insertion"] > methods["random"]["insertion"]


@pytest.mark.slow
def test_a_tuned_and_compressed_run_is_explained(workplace):
    changes = (
        "name=small",
        "tuning={name: lora, rank: 4}",
        "compress=[{name: prune, sparsity: 0.3, epochs: 1}, {name: qat, epochs: 1}]",
        "export=[]",
    )
    finished = tfapps("run", "tiny.yaml", *changes, cwd=workplace)
    assert finished.returncode == 0, finished.stderr
    (answer,) = answers_of(tfapps("explain", "small", "I want the pear", cwd=workplace))
    (right,) = answers_of(tfapps("predict", "small", "I want the pear", cwd=workplace))
    assert (answer["label"], answer["score"]) == (right["label"], right["score"])
    assert all(np.isfinite(word["score"]) for word in answer["words"])


@pytest.mark.parametrize(
    ("more", "text"),
    [
        (["--label", "fruits", "x"], "unknown label 'fruits': expected one of fruit, tool; did"),
        (["--method", "occlude", "x"], "unknown explainer 'occlude': expected one of integ"),
        (["--set", "steps=0", "x"], "integrated_gradients.steps: got 0 (int), expected int >= 1"),
        (["--set", "stepps=3", "x"], "integrated_gradients.stepps: unknown key; did you mean"),
        (["--rows", "3", "x"], "--rows is only for --faithful"),
        (["--faithful", "--rows", "0"], "--rows: got 0, expected 1 or more"),
        (["--faithful", "x"], "--faithful takes the dev set; leave texts, --label and --html out"),
        (
            ["--html", "no/where.html", "--method", "occlusion", "x"],
            "cannot write no/where.html: No such file",
        ),
    ],
)
def test_contradictory_options_are_refused(workplace, more, text):
    done = tfapps("explain", "tiny", *more, cwd=workplace)
    assert done.returncode == 2
    assert done.stderr.startswith(f"error: {text}")
    assert len(done.stderr.splitlines()) == 1


def test_a_method_that_does_not_fit_and_other_tasks_are_refused(linear, tmp_path):
    with pytest.raises(InputError, match="rollout: the model has no self-attention to roll out"):
        explain.explain(
            run_of(linear)._replace(task=classification.Task(classification.Config(), ["a", "b"])),
            [{"text": "x"}],
            rollout.Config(),
        )
    (tmp_path / "tags.json").write_text('["LOC"]')
    raw = {
        "task": {"name": "tagging"},
        "data": {"source": "conll", "train": "t", "dev": "d"},
        "model": {"name": "bilstm"},
    }
    with pytest.raises(InputError) as caught:
        explain.opened(SimpleNamespace(text=tmp_path), configs.from_dict(raw, "run"))
    assert str(caught.value) == (
        "explain: tagging does not label whole texts; expected a run of classification or prompt"
    )


def test_wrong_settings_of_a_method_are_reported_at_once():
    section = integrated_gradients.Config
    assert configs.options(section, ["steps=9"], "m").steps == 9
    with pytest.raises(ConfigError) as caught:
        configs.options(section, ["steps=x", "baseline=pad"], "m")
    assert [line.split(":")[0] for line in caught.value.problems] == ["m.steps", "m.baseline"]
