"""Structured pruning: it removes what matters least and leaves the rest unchanged."""

import itertools
import json

import keras
import numpy as np
import pytest
from pydantic import ValidationError
from running import TINY, tfapps, write_rows

from tfapps.compress import _importance
from tfapps.compress import prune_structured as pruning
from tfapps.compress._blocks import blocks
from tfapps.compress.parts.job import Job
from tfapps.config import load as configs
from tfapps.errors import ConfigError, InputError
from tfapps.graph import weights
from tfapps.layers.linear import Linear
from tfapps.models import bert, bilstm
from tfapps.presets.presets import BertShape

LAYERS, HEADS, UNITS, HIDDEN, WORDS, ROWS = 3, 4, 32, 16, 40, 24


@pytest.fixture
def model(monkeypatch):
    keras.utils.set_random_seed(3)
    shape = BertShape(WORDS, LAYERS, HIDDEN, HEADS, UNITS, 12)
    monkeypatch.setattr(bert, "shape", lambda config, vocabulary_size: shape)
    encoder = bert.build(bert.Config(size="tiny"), vocabulary_size=WORDS)
    built = keras.Model(encoder.input, Linear(3, name="head")(encoder.output["pooled"]))
    for weight in built.trainable_weights:  # large enough that all of them matter
        noise = keras.random.normal(weight.shape, stddev=0.3)
        weight.assign(weight + noise)
    return built


def features(rows=ROWS, length=7):
    rng = np.random.default_rng(0)
    mask = (np.arange(length) < rng.integers(3, length + 1, (rows, 1))).astype("int32")
    ids = rng.integers(1, WORDS, (rows, length)).astype("int32") * mask
    return {"token_ids": ids, "padding_mask": mask, "segment_ids": np.zeros_like(ids)}


def loss(targets, logits):
    return keras.losses.sparse_categorical_crossentropy(targets["label"], logits, from_logits=True)


def job(model, rows=ROWS, labels=None):
    labels = np.arange(rows).astype("int32") % 3 if labels is None else labels
    x = {name: keras.ops.convert_to_tensor(value) for name, value in features(rows).items()}
    batch = (x, {"label": keras.ops.convert_to_tensor(labels)}, np.ones(rows, "float32"))
    return Job(model, {"dev": [{}] * rows}, None, lambda split: [batch], loss, 0)


def array(tensor):
    return np.asarray(tensor).copy()


def logits(model):
    return array(model(features(), training=False))


def mean_loss(model):
    _, targets, _ = job(model).batches("dev")[0]
    return float(keras.ops.mean(loss(targets, model(features(), training=False))))


def silence(block, heads=(), units=()):
    """Zero what reads these heads and units."""
    kernel = array(block.attention.output_projection.kernel)
    kernel.reshape(block.heads, -1, HIDDEN)[list(heads)] = 0
    block.attention.output_projection.kernel.assign(kernel)
    kernel = array(block.output.kernel)
    kernel[list(units)] = 0
    block.output.kernel.assign(kernel)


def everything(**changed):
    every = {
        "layers": list(range(LAYERS)),
        "heads": {str(n): list(range(HEADS)) for n in range(LAYERS)},
        "units": {str(n): list(range(UNITS)) for n in range(LAYERS)},
    }
    return json.loads(json.dumps({**every, **changed}))


PLAN = everything(
    heads={"0": [1, 3], "1": [0], "2": [0, 1, 2, 3]},
    units={"0": list(range(8, 24)), "1": list(range(0, 32, 2)), "2": list(range(32))},
)


def test_the_pruned_model_equals_the_full_one_without_the_removed_parts(model):
    pruned = pruning.build(None, model, PLAN)
    assert np.abs(logits(pruned) - logits(model)).max() > 1e-2
    for number, block in blocks(model).items():
        heads, units = PLAN["heads"][str(number)], PLAN["units"][str(number)]
        silence(block, set(range(HEADS)) - set(heads), set(range(UNITS)) - set(units))
    np.testing.assert_allclose(logits(pruned), logits(model), atol=1e-5)


def test_keeping_all_changes_nothing_and_names_stay(model):
    pruned = pruning.build(None, model, everything())
    np.testing.assert_array_equal(logits(pruned), logits(model))
    smaller = pruning.build(None, model, PLAN)
    assert set(weights.variables(smaller)) == set(weights.variables(model))


def test_parameters_fall_as_computed(model):
    pruned = pruning.build(None, model, PLAN)
    size = HIDDEN // HEADS
    a_head = 3 * (HIDDEN + 1) * size + size * HIDDEN
    a_unit = HIDDEN + 1 + HIDDEN
    gone = (2 + 3) * a_head + (16 + 16) * a_unit
    assert pruned.count_params() == model.count_params() - gone
    report = pruning.report(None, pruned)
    assert report["parameters"] == pruned.count_params()
    assert (report["layers"], report["heads"]) == (3, pytest.approx(7 / 3))


def test_removing_a_block_keeps_the_weights_of_the_others(model):
    pruned = pruning.build(None, model, everything(layers=[0, 2]))
    before, left = weights.variables(model), weights.variables(pruned)
    assert set(left) == {path for path in before if not path.startswith("block_1_")}
    for path, weight in left.items():
        np.testing.assert_array_equal(array(weight), array(before[path]))


def test_a_block_without_effect_is_removed_first(model):
    block = blocks(model)[1]
    silence(block, range(HEADS), range(UNITS))
    block.attention.output_projection.bias.assign(np.zeros(HIDDEN))
    block.output.bias.assign(np.zeros(HIDDEN))
    # Its input comes out of a norm, so a block that does no more than normalise changes nothing.
    for name in ("block_0_output_norm", "block_1_attention_norm", "block_1_output_norm"):
        model.get_layer(name).gamma.assign(np.ones(HIDDEN))
        model.get_layer(name).beta.assign(np.zeros(HIDDEN))
    own = np.argmax(logits(model), axis=-1).astype("int32")
    plan = pruning.plan(pruning.Config(layers=2), job(model, labels=own))
    assert plan["layers"] == [0, 2]
    assert set(plan["heads"]) == {"0", "2"}
    pruned = pruning.build(None, model, plan)
    np.testing.assert_allclose(logits(pruned), logits(model), atol=1e-4)


def test_blocks_are_ranked_by_the_loss_without_them(model):
    losses = {
        gone: mean_loss(
            pruning.build(None, model, everything(layers=[n for n in range(LAYERS) if n != gone]))
        )
        for gone in range(LAYERS)
    }
    assert _importance.weakest_blocks(job(model), 1) == [min(losses, key=losses.get)]


@pytest.mark.parametrize("importance", ["gradient", "magnitude"])
def test_useless_heads_and_units_rank_last(model, importance):
    model_blocks = blocks(model)
    silence(model_blocks[0], heads=[2], units=[5, 6])
    silence(model_blocks[2], heads=[0, 1], units=[31])
    before = logits(model)
    heads, units = _importance.widths(job(model), model, importance)
    assert [int(np.sum(of == 0)) for of in heads.values()] == [1, 0, 2]
    assert set(np.argsort(heads[2])[:2]) == {0, 1}
    assert set(np.argsort(units[0])[:2]) == {5, 6}
    # 9 of 12 heads stay, 3 a block on average: the three that went did nothing.
    plan = pruning.plan(pruning.Config(heads=3, importance=importance), job(model))
    assert plan["heads"] == {"0": [0, 1, 3], "1": [0, 1, 2, 3], "2": [2, 3]}
    np.testing.assert_allclose(logits(pruning.build(None, model, plan)), before, atol=1e-5)


def test_gradient_importance_is_the_slope_of_the_loss(model):
    """For one example: |d loss / d m| at m = 1 where the head's or unit's output is times m."""
    one = job(model, rows=1)
    actual = dict(zip(("heads", "units"), _importance.widths(one, model, "gradient"), strict=True))
    x, targets, _ = one.batches("dev")[0]

    def at(kernel, group, groups, factor):
        original = array(kernel)
        changed = original.copy()
        changed.reshape(groups, -1)[group] *= factor
        kernel.assign(changed)
        value = float(loss(targets, model(x, training=False))[0])
        kernel.assign(original)
        return value

    block = blocks(model)[1]
    for kernel, groups, part in (
        (block.attention.output_projection.kernel, HEADS, "heads"),
        (block.output.kernel, UNITS, "units"),
    ):
        for group in range(0, groups, groups // 4):
            up, down = (at(kernel, group, groups, factor) for factor in (1.01, 0.99))
            slope = abs(up - down) / 0.02
            assert actual[part][1][group] == pytest.approx(slope, rel=0.02, abs=2e-4)


def test_gradient_importance_ranks_like_leaving_out(model):
    for block in blocks(model).values():  # small enough for a first order to say something
        kernel = block.attention.output_projection.kernel
        kernel.assign(0.3 * kernel)
    heads, _ = _importance.widths(job(model), model, "gradient")
    x, targets, _ = job(model).batches("dev")[0]

    def losses():
        return array(loss(targets, model(x, training=False)))

    full = losses()
    estimated, measured = [], []
    for number, head in itertools.product(range(LAYERS), range(HEADS)):
        block = blocks(model)[number]
        value = array(block.attention.output_projection.kernel)
        silence(block, heads=[head])
        measured.append(np.abs(losses() - full).sum())
        estimated.append(heads[number][head])
        block.attention.output_projection.kernel.assign(value)
    ranks = [np.argsort(np.argsort(values)) for values in (estimated, measured)]
    assert np.corrcoef(*ranks)[0, 1] > 0.8


def test_rankings():
    scores = {0: np.array([5.0, 1, 4, 2]), 1: np.array([0.1, 0.3, 0.2, 0.4])}
    assert pruning.choose(scores, 2, 1, "block") == {0: [0, 2], 1: [1, 3]}
    assert pruning.choose(scores, 2, 1, "global") == {0: [0, 1, 2, 3], 1: [3]}
    rng = np.random.default_rng(0)
    scores = {block: rng.random(60) * (block + 0.2) for block in range(4)}
    kept = pruning.choose(scores, 30, 8, "global")
    assert all(len(own) % 8 == 0 and len(own) >= 8 for own in kept.values() if len(own) < 60)
    assert sum(map(len, kept.values())) == pytest.approx(120, abs=16)
    assert len(kept[0]) < len(kept[3])


def test_shares_and_numbers_mean_the_same(model):
    options = {"ranking": "block", "importance": "magnitude"}
    shares = pruning.plan(pruning.Config(heads=0.5, units=0.5, **options), job(model))
    numbers = pruning.plan(pruning.Config(heads=2, units=16, **options), job(model))
    assert shares == numbers == json.loads(json.dumps(shares))
    assert {len(heads) for heads in shares["heads"].values()} == {2}
    assert {len(units) for units in shares["units"].values()} == {16}


@pytest.mark.parametrize(
    ("section", "text"),
    [
        ({"layers": 4}, "layers: got 4, expected at most 3: the model has 3 layers"),
        ({"heads": 5}, "heads: got 5, expected at most 4: the model has 4 heads per block"),
        ({"units": 100}, "units: got 100, expected at most 32: the model has 32 units per block"),
        (
            {"layers": 3, "units": 32},
            "nothing to remove: the model has 3 layers, 4 heads and 32 units",
        ),
    ],
)
def test_more_than_the_model_has_is_refused(model, section, text):
    with pytest.raises(InputError, match=text):
        pruning.plan(pruning.Config(**section), job(model))


def test_a_model_without_blocks_is_refused():
    small = bilstm.build(bilstm.Config(units=4, embedding_size=4), vocabulary_size=10)
    with pytest.raises(InputError, match="'bilstm' has no transformer blocks.*use model bert"):
        pruning.plan(pruning.Config(heads=0.5), job(small))


def test_a_config_that_removes_nothing_is_refused():
    with pytest.raises(ValidationError, match="got none of layers, heads, units"):
        pruning.Config()
    raw = {
        "task": {"name": "classification"},
        "data": {"source": "tsv", "train": "a.tsv", "dev": 0.1, "text": "a", "label": "b"},
        "model": {"name": "bert", "size": "tiny"},
    }
    items = [{"name": "qat"}, {"name": "prune_structured", "heads": 1.0, "units": 0}]
    with pytest.raises(ConfigError) as caught:
        configs.from_dict({**raw, "compress": items}, "run")
    takes = "expected int >= 1 or float > 0 and < 1 or null"
    assert caught.value.problems == [
        f"compress[1].heads: got 1.0 (float), {takes}",
        f"compress[1].units: got 0 (int), {takes}",
        "compress[1]: prune_structured cannot come after qat (compress[0]): the ranges were "
        "learned with the parts it removes; put it before qat",
    ]


@pytest.mark.slow  # test_matrix.py runs it without a file
def test_run_with_quantization_after_it(tmp_path):
    write_rows(tmp_path / "train.tsv", 40)
    write_rows(tmp_path / "dev.tsv", 10, start=40)
    (tmp_path / "small.yaml").write_text(
        TINY.partition("export:")[0]
        + "compress: [{name: prune_structured, layers: 1, heads: 1, units: 0.5, epochs: 1}, "
        "{name: qat, epochs: 1}]\nexport: []\n"
    )
    done = tfapps("run", "small.yaml", "train.epochs=1", cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    bundle = tmp_path / "saved_models" / "small"
    plan = json.loads((bundle / "compression.json").read_text())["plans"][0]
    (number,) = plan["layers"]
    assert (len(plan["heads"][str(number)]), len(plan["units"][str(number)])) == (1, 256)
    metrics = json.loads((bundle / "metrics.json").read_text())
    names = [step["name"] for step in metrics["compression"]]
    assert names == ["prune_structured", "qat"]
    # The calibration error among them moves with any logit.
    opened = tfapps("evaluate", bundle, "--data", "dev.tsv", "--json", cwd=tmp_path)
    assert opened.returncode == 0, opened.stdout + opened.stderr
    actual = json.loads(opened.stdout.strip().splitlines()[-1])["metrics"]
    assert actual == pytest.approx(metrics["dev"]["keras"], abs=1e-5)
