"""Few examples of each label, or none: what is drawn, compared, and set before a fit."""

import json
from collections import Counter

import keras
import numpy as np
import pytest
import yaml
from running import BERT, CNN, TINY, at

from tfapps.config import load as configs
from tfapps.config.load import ConfigError
from tfapps.data import plan, splits
from tfapps.errors import InputError
from tfapps.runs.head_start import start_head, vectors
from tfapps.runs.prepared import prepare
from tfapps.serve.predictor import Predictor
from tfapps.stages.run import run
from tfapps.stages.train import _build, train
from tfapps.tasks._heads import label_texts
from tfapps.text.tokenizer import Tokenizer
from tfapps.train.objectives import _pairs

RANDOM = np.random.default_rng(0)
TEXT = [
    ["The cat sleeps on the mat.", "It was good.", "Then it wakes up."],
    ["The dog runs in the park.", "It was bad.", "Then it barks.", "The cat is gone."],
]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("shots")
    with at(folder, 64):
        yield folder


def tiny_config():
    raw = yaml.safe_load(TINY.replace(BERT, CNN))
    raw["train"]["epochs"] = 1
    return raw


def config_of(name, *, export="[]", **sections):
    """The tiny config with keys of its sections changed."""
    raw = tiny_config()
    for section, keys in sections.items():
        raw[section] = {**raw.get(section, {}), **keys} if isinstance(keys, dict) else keys
    return configs.from_dict({**raw, "export": yaml.safe_load(export)}, name)


def started(name, **sections):
    """Prepared data and a model whose head is set, nothing trained."""
    prepared = prepare(config_of(name, **sections))
    keras.utils.set_random_seed(1)
    model = _build(prepared)
    start_head(prepared, model)
    return prepared, model


def unit(x):
    return x / np.linalg.norm(x, axis=-1, keepdims=True)


# Shots


def rows(counts):
    return [
        {"text": f"{label}{i}", "label": label} for label, n in counts.items() for i in range(n)
    ]


def test_as_many_of_each_label_are_drawn_as_asked_for():
    examples = rows({"a": 9, "b": 3, "c": 20})
    drawn = splits.few_shot(examples, 3, seed=1)
    assert Counter(row["label"] for row in drawn) == {"a": 3, "b": 3, "c": 3}
    assert [examples.index(row) for row in drawn] == sorted(examples.index(row) for row in drawn)
    assert drawn == splits.few_shot(examples, 3, seed=1)
    assert drawn != splits.few_shot(examples, 3, seed=2)


def test_too_few_of_a_label_are_refused_by_name():
    with pytest.raises(
        InputError, match="got 4, expected no more than the rows of any label, but "
    ):
        splits.few_shot(rows({"a": 9, "b": 3}), 4, seed=1)
    with pytest.raises(InputError, match="but b has 3, c has 1$"):
        splits.few_shot(rows({"c": 1, "a": 9, "b": 3}), 4, seed=1)
    with pytest.raises(InputError, match="not every row has just one label"):
        splits.few_shot([{"text": "a", "label": ["x", "y"]}], 1, seed=1)


@pytest.mark.parametrize(("dev", "count"), [("dev.tsv", 24), (0.25, 16)])
def test_the_dev_set_stays_whole(place, dev, count):
    data = config_of("few", data={"shots": 5, "dev": dev}).data
    parts = splits.load(data, seed=3)
    assert Counter(row["label"] for row in parts["train"]) == {"fruit": 5, "tool": 5}
    assert len(parts["dev"]) == count
    texts = {row["text"] for row in parts["train"]}
    assert texts.isdisjoint(row["text"] for row in parts["dev"])


# Batches


def balanced(labels, size, per_label, epoch=0):
    labels = np.asarray(labels)
    lengths = np.random.default_rng(1).integers(1, 30, len(labels))
    return lengths, plan.balanced(lengths, (8, 32), size, labels, per_label, 5, epoch)


@pytest.mark.parametrize(("labels", "size", "per_label"), [(7, 12, 4), (7, 8, 2), (3, 12, 4)])
def test_batches_have_as_many_of_a_label_as_asked_for(labels, size, per_label):
    numbers = np.repeat(np.arange(labels), 2 * per_label)
    lengths, plan = balanced(numbers, size, per_label)
    seen = np.concatenate(plan.batches)
    assert sorted(seen[seen >= 0]) == list(range(len(numbers)))
    for batch, length in zip(plan.batches, plan.lengths, strict=True):
        real = batch[batch >= 0]
        assert set(Counter(numbers[real]).values()) == {per_label}
        assert length == (8 if lengths[real].max() <= 8 else 32)


def test_rows_beside_whole_groups_come_too():
    numbers = [0] * 7 + [1] * 3 + [2] * 2 + [3]
    _, plan = balanced(numbers, 6, 3)
    assert sorted(np.concatenate(plan.batches)) == [-1] * 5 + list(range(13))
    of_batches = [Counter(np.take(numbers, b[b >= 0]).tolist()) for b in plan.batches]
    assert sum(counts[label] == 3 for counts in of_batches for label in (0, 1)) >= 1


def test_the_order_is_that_of_seed_and_epoch():
    numbers = np.repeat(np.arange(4), 6)
    first, same, other = (
        np.concatenate(balanced(numbers, 6, 3, epoch)[1].batches) for epoch in (1, 1, 2)
    )
    assert first.tolist() == same.tolist()
    assert first.tolist() != other.tolist()


def test_a_fit_is_given_balanced_batches(place):
    prepared = prepare(config_of("even", train={"per_label": 4}))
    batches = prepared.training_batches()
    assert batches.steps_per_epoch == 8
    for _, targets, _ in batches.epoch(0):
        assert Counter(targets["label"].numpy().tolist()) == {0: 4, 1: 4}


# Pairs


def batch(n=7, d=5):
    x = RANDOM.normal(size=(n, d)).astype("float32")
    label = np.array([0, 1, 0, 2, 1, 0, 0])
    ids = np.arange(n)[:, None] + np.arange(3)
    ids[6] = ids[0]  # a copy
    return x, label, ids


def test_supcon_is_the_formula():
    x, label, ids = batch()
    heat, z = 0.3, unit(x.astype(np.float64))
    expected = []
    for i in range(7):
        others = [a for a in range(7) if (ids[a] != ids[i]).any()]
        alike = [p for p in others if label[p] == label[i]]
        total = sum(np.exp(z[i] @ z[a] / heat) for a in others)
        terms = [np.log(np.exp(z[i] @ z[p] / heat) / total) for p in alike]
        expected.append(-np.mean(terms) if terms else 0.0)
    actual = _pairs.supcon(x, *_pairs.compared(label, ids), heat)
    np.testing.assert_allclose(actual, expected, rtol=1e-4)
    assert expected[3] == 0  # the only one of its label


def test_regression_is_the_formula():
    x, label, ids = batch()
    z = unit(x.astype(np.float64))
    expected = []
    for i in range(7):
        near = [
            (1 - z[i] @ z[a]) ** 2
            for a in range(7)
            if label[a] == label[i] and (ids[a] != ids[i]).any()
        ]
        far = [(z[i] @ z[a]) ** 2 for a in range(7) if label[a] != label[i]]
        expected.append((np.mean(near or [0]) + np.mean(far)) / 2)
    actual = _pairs.regression(x, *_pairs.compared(label, ids))
    np.testing.assert_allclose(actual, expected, rtol=1e-4)


def small(name, objective, **train_keys):
    raw = tiny_config()
    raw["train"] |= train_keys
    raw |= {"objective": objective, "export": []}
    return configs.from_dict(raw, name)


def values(bundle):
    from safetensors.numpy import load_file

    return load_file(bundle.weights)


def test_pairs_of_no_weight_change_nothing_and_others_do(place):
    plain = values(train(small("plain", {"name": "plain"}, per_label=4)))
    pairs = {"name": "contrastive", "weight": 0.0}
    for path, value in values(train(small("weightless", pairs, per_label=4))).items():
        np.testing.assert_allclose(value, plain[path], atol=1e-6, err_msg=path)
    pairs = {"name": "contrastive", "form": "cosine", "weight": 1.0}
    heavy = values(train(small("heavy", pairs, per_label=4)))
    moved = [path for path in plain if np.abs(heavy[path] - plain[path]).max() > 1e-4]
    assert [path for path in moved if not path.startswith("head")]


# Heads


def test_prototypes_are_the_means_of_their_texts(place):
    prepared, model = started("means", task={"head": "prototype", "scale": 7.0})
    x = unit(vectors(prepared, model, prepared.examples["train"]).astype(np.float64))
    label = prepared.targets("train")["label"]
    means = unit(np.stack([x[label == number].mean(0) for number in (0, 1)]))
    unit_vectors = unit(vectors(prepared, model, prepared.examples["dev"]).astype(np.float64))
    logits = np.asarray(model(prepared.arrays("dev")))
    np.testing.assert_allclose(logits, 7 * unit_vectors @ means.T, atol=1e-4)


def test_a_linear_head_of_means_takes_the_nearest(place):
    prepared, model = started("nearest", task={"head_start": "means"})
    x = vectors(prepared, model, prepared.examples["train"]).astype(np.float64)
    label = prepared.targets("train")["label"]
    means = np.stack([x[label == number].mean(0) for number in (0, 1)])
    text_vectors = vectors(prepared, model, prepared.examples["dev"]).astype(np.float64)
    far = np.square(text_vectors[:, None] - means).sum(-1)
    logits = np.asarray(model(prepared.arrays("dev")), np.float64)
    np.testing.assert_allclose(2 * (logits[:, 1] - logits[:, 0]), far[:, 0] - far[:, 1], atol=1e-3)


@pytest.mark.parametrize("labels", [2, 3])
def test_a_logistic_head_matches_the_regression(place, labels):
    from sklearn.linear_model import LogisticRegression

    from tfapps.tasks import _heads, classification

    x, label = RANDOM.normal(size=(30, 4)), np.arange(30) % labels
    settings = classification.Config(head_start="logistic")
    inputs = keras.Input((4,))
    model = keras.Model(inputs, _heads.logits(settings, labels, inputs))
    _heads.fill(settings, model, x, label, labels)
    expected = LogisticRegression(max_iter=2000).fit(x, label).predict_log_proba(x)
    logits = np.asarray(model(x.astype("float32")))
    actual = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
    np.testing.assert_allclose(actual, expected, atol=1e-4)


@pytest.mark.parametrize(
    "export",
    [
        "[litert_float32, litert_int8]",
        pytest.param(
            "[saved_model, litert_float32, litert_dynamic, litert_int8]", marks=pytest.mark.slow
        ),
    ],
)
def test_nothing_is_trained_and_everything_is_exported(place, export):
    texts = {"fruit": "a sweet apple", "tool": "a heavy hammer"}
    task = {"head": "prototype", "head_start": "descriptions", "descriptions": texts}
    settings = config_of(
        "zero",
        task=task,
        data={"shots": 1},
        train={"epochs": 0},
        model={"max_length": 12},
        export=export,
    )
    bundle = run(settings)
    assert bundle.metrics["training"] == []
    proof = json.loads((bundle.path / "verify.json").read_text())
    assert proof["litert_float32"]["agreement"] == 1.0
    prepared, model = started("zero", task=task, data={"shots": 1}, model={"max_length": 12})
    examples = [{"text": text} for text in texts.values()]
    labels = unit(vectors(prepared, model, examples))
    unit_vectors = unit(vectors(prepared, model, prepared.examples["dev"]))
    logits = np.asarray(model(prepared.arrays("dev")))
    np.testing.assert_allclose(logits, 20 * unit_vectors @ labels.T, atol=1e-4)
    assert run(settings).path == bundle.path


def test_a_frozen_encoder_stays_and_its_prototypes_move(place):
    sections = {
        "task": {"head": "prototype"},
        "tuning": {"name": "freeze"},
        "train": {"epochs": 1},
    }
    _, start = started("frozen", **sections)
    before = {weight.path: weight.numpy() for weight in start.trainable_variables}
    assert list(before) == ["head/kernel"]
    after = values(train(config_of("frozen", **sections)))
    assert np.abs(after["head/kernel"] - before["head/kernel"]).max() > 1e-4


def test_labels_are_described_by_their_names_or_a_file(tmp_path):
    assert label_texts(None, ["lost_card", "b"], None) == ["lost card", "b"]
    for name, content in (("x.yaml", "a: one\nb: two\n"), ("x.tsv", "a\tone\n\nb\ttwo\n")):
        (tmp_path / name).write_text(content)
        assert label_texts(name, ["b", "a"], str(tmp_path)) == ["two", "one"]
    with pytest.raises(InputError, match="unknown label 'b': expected one of a, bb; did you mean"):
        label_texts("x.tsv", ["a", "bb"], str(tmp_path))
    with pytest.raises(InputError, match="task.descriptions: none for c; describe each"):
        label_texts({"a": "one"}, ["a", "c"], None)
    (tmp_path / "x.tsv").write_text("only one\n")
    with pytest.raises(InputError, match="task.descriptions: cannot read"):
        label_texts("x.tsv", ["a"], str(tmp_path))


@pytest.mark.parametrize(
    ("sections", "text"),
    [
        ({"train": {"epochs": 0}}, "train.epochs: got 0, but nothing else sets the head of this"),
        ({"train": {"per_label": 3}}, "got 3, expected a divisor of train.batch_size, 8"),
        (
            {"train": {"per_label": 4, "batch_tokens": 500}},
            "got 4, which needs batches of as many rows; leave train.batch_tokens out",
        ),
        (
            {"train": {"per_label": 4}, "objective": {"name": "vat", "unlabelled": "x"}},
            "got 4, but objective.vat adds texts without labels",
        ),
        (
            {"train": {"per_label": 4}, "task": {"multi_label": True}},
            "got 4, but classification has not just one label a text",
        ),
        (
            {"objective": {"name": "contrastive"}, "task": {"multi_label": True}},
            "'contrastive' compares texts by their one label, which classification does not",
        ),
        ({"task": {"head": "prototype", "multi_label": True}}, "need one label a text"),
        ({"task": {"descriptions": {"a": "b"}}}, "not read with head_start: random"),
    ],
)
def test_what_does_not_go_together_is_refused(sections, text):
    with pytest.raises(ConfigError, match=text):
        config_of("refused", **sections)


# Prompts

VERBALIZER = {"fruit": "good", "tool": ["bad", "gone"]}


def prompt(name, *, preset="saved_models/before", **sections):
    raw = yaml.safe_load(TINY)
    raw["task"] = {"name": "prompt", "verbalizer": VERBALIZER} | sections.pop("task", {})
    raw["model"] = {"name": "bert", "preset": preset, "max_length": 16}
    raw["train"] |= sections.pop("train", {"epochs": 0})
    return configs.from_dict({**raw, "export": [], **sections}, name)


@pytest.fixture(scope="module")
def filler(place):
    """A folder with the masked_lm run `before`."""
    lines = "\n\n".join("\n".join(document) for document in TEXT * 12)
    (place / "text.txt").write_text(lines)
    raw = {
        "task": {"name": "masked_lm"},
        "data": {"source": "corpus", "train": "text.txt", "dev": "text.txt"},
        "model": {"name": "bert", "size": "tiny", "layers": 1, "max_length": 20},
        "text": {"vocabulary_size": 120, "min_frequency": 1},
        "train": {"epochs": 1, "batch_size": 8, "learning_rate": 2e-3},
    }
    train(configs.from_dict(raw, "before"))
    return place


def test_a_prompt_matches_the_masked_lm_at_the_gap(filler):
    bundle = run(prompt("asked", export=["litert_float32"]))
    texts = ["the cat sleeps", "a dog"]
    before = Predictor.open("saved_models/before", "keras")
    gap_logits = before.logits([f"{text} It was [MASK]." for text in texts])[:, 0]
    vocabulary = Tokenizer.load("saved_models/before/text").vocabulary
    words = [[vocabulary["good"]], [vocabulary["bad"], vocabulary["gone"]]]
    expected = np.stack([gap_logits[:, ids].mean(-1) for ids in words], axis=-1)
    for artifact in ("keras", "litert_float32"):
        actual = Predictor.open(bundle.path, artifact).logits(texts)
        np.testing.assert_allclose(actual, expected, atol=1e-4)


def test_the_gap_stays_where_a_text_is_cut(filler):
    prepared = prepare(prompt("long", task={"pattern": "[MASK] was: {text} It was"}))
    task, tokenizer = prepared.task, prepared.tokenizer
    columns, cut = task.encode([{"text": "cat " * 40}, {"text": "[MASK]"}], tokenizer, 16)
    assert cut == 1
    assert [int((ids == tokenizer.mask_id).sum()) for ids in columns["token_ids"]] == [1, 1]
    assert len(columns["token_ids"][0]) == 16
    with pytest.raises(InputError, match="max_length: got 6, which leaves no room"):
        task.encode([{"text": "a"}], tokenizer, 6)


@pytest.mark.slow
def test_a_prompt_run_trains_and_compresses(filler):
    small = [{"name": "trim_vocabulary"}, {"name": "qat", "epochs": 1}]
    settings = prompt(
        "learned",
        train={"epochs": 2, "per_label": 4},
        objective={"name": "contrastive", "weight": 0.1},
        compress=small,
        export=["litert_int8"],
    )
    bundle = run(settings)
    losses = [record["loss"] for record in bundle.metrics["training"]]
    assert losses[-1] < losses[0]
    proof = json.loads((bundle.path / "verify.json").read_text())
    assert proof["litert_int8"]["agreement"] > 0.8


@pytest.mark.slow
@pytest.mark.parametrize(
    "compressor",
    [
        {"name": "prune", "sparsity": 0.5},
        {"name": "prune_structured", "heads": 0.5},
        {"name": "cluster"},
    ],
    ids=lambda compressor: compressor["name"],
)
def test_a_prompt_run_works_with_every_compressor(filler, compressor):
    name, small = compressor["name"], [{**compressor, "epochs": 1}]
    bundle = run(prompt(name, train={"epochs": 1}, compress=small, export=["litert_float32"]))
    assert bundle.metrics["compression"][0]["name"] == name
    proof = json.loads((bundle.path / "verify.json").read_text())
    assert proof["litert_float32"]["agreement"] == 1.0


@pytest.mark.parametrize(
    ("task", "preset", "text"),
    [
        ({}, "saved_models/other", "other was trained for classification, but task prompt fills"),
        ({}, "minilm_l6", "minilm_l6 is no run of tfapps, and task prompt fills the gap with"),
        (
            {"verbalizer": {"fruit": "good", "tools": "bad"}},
            "saved_models/before",
            "task.verbalizer: unknown label 'tools': expected one of fruit, tool; did you mean",
        ),
        (
            {"verbalizer": {"fruit": "good", "tool": "goodbad"}},
            "saved_models/before",
            "task.verbalizer: 'goodbad' of tool is . pieces of the vocabulary, expected one",
        ),
    ],
)
def test_prompts_that_cannot_be_filled_are_refused(filler, task, preset, text):
    if preset.endswith("other"):
        raw = yaml.safe_load(TINY)
        raw["train"] |= {"epochs": 0}
        raw["task"] |= {"head_start": "means"}
        raw |= {"model": {"name": "bert", "preset": "saved_models/before", "max_length": 16}}
        train(configs.from_dict({**raw, "export": []}, "other"))
    words = {"verbalizer": {"fruit": "a", "tool": "i"}} if preset == "minilm_l6" else {}
    with pytest.raises(InputError, match=text):
        train(prompt("refused", preset=preset, task={**words, **task}))


def test_a_pattern_without_a_gap_is_refused():
    with pytest.raises(ConfigError, match="expected {text} and .MASK. in it, once each"):
        prompt("odd", task={"pattern": "{text} It was good."})
    raw = {**yaml.safe_load(TINY), "task": {"name": "prompt", "verbalizer": VERBALIZER}}
    with pytest.raises(ConfigError, match="only a masked_lm run knows how to fill a gap"):
        configs.from_dict({**raw, "model": {"name": "bilstm"}}, "odd")
