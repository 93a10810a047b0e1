"""What each tuner leaves to train."""

import io

import keras
import numpy as np
import pytest
from fitting import FakeBatches, Task, scores, tiny_model
from pydantic import ValidationError

from tfapps.config.sections import TrainConfig
from tfapps.errors import InputError
from tfapps.train.loop import fit
from tfapps.train.objectives import plain
from tfapps.train.strategy import make
from tfapps.tuning import freeze, full


def trained(model):
    return {v.path.split("/")[0] for v in model.trainable_variables}


def test_full_trains_everything():
    model = tiny_model()
    everything = len(model.trainable_variables)
    assert full.apply(full.Config(), model) is model
    assert len(model.trainable_variables) == everything


def test_head_trains_head_and_pooling():
    model = freeze.apply(freeze.Config(), tiny_model())
    assert trained(model) == {"pooling_dense", "head_logits"}


@pytest.mark.parametrize(
    ("layers", "blocks"), [(1, {"block_2"}), (3, {"block_0", "block_1", "block_2"})]
)
def test_top_trains_the_last_blocks_too(layers, blocks):
    model = freeze.apply(freeze.Config(train="top", layers=layers), tiny_model(blocks=3))
    names = {f"{b}_{part}" for b in blocks for part in ("dense", "norm")}
    assert trained(model) == {"pooling_dense", "head_logits"} | names


def recurrent():
    ids = keras.Input((None,), dtype="int32", name="token_ids")
    x = keras.layers.Embedding(10, 4, name="embedding")(ids)
    for i in range(2):
        x = keras.layers.Bidirectional(
            keras.layers.LSTM(3, return_sequences=True), name=f"lstm_{i}"
        )(x)
    encoder = keras.Model(ids, x, name="encoder")
    inputs = keras.Input((None,), dtype="int32", name="ids")
    return keras.Model(inputs, keras.layers.Dense(2, name="head_logits")(encoder(inputs)))


def test_lstm_layers_are_blocks_also_inside_a_model_in_the_model():
    model = freeze.apply(freeze.Config(train="top", layers=1), recurrent())
    paths = [v.path for v in model.trainable_variables]
    assert any("lstm_1" in path for path in paths)
    assert any(path.startswith("head_logits") for path in paths)
    assert not any("lstm_0" in path or "embedding" in path for path in paths)


def test_too_many_blocks_reports_the_number():
    with pytest.raises(InputError, match=r"tuning.layers: got 3, expected 1 to 2: .*has 2 blocks"):
        freeze.apply(freeze.Config(train="top", layers=3), tiny_model(blocks=2))


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"train": "top"}, "got None, expected 1 or more"),
        ({"train": "top", "layers": 0}, "got 0, expected 1 or more"),
        ({"train": "head", "layers": 2}, "add 'train: top'"),
        ({"train": "all"}, "'head' or 'top'"),
    ],
)
def test_an_invalid_config_is_refused(fields, text):
    with pytest.raises(ValidationError, match=text):
        freeze.Config(**fields)


def test_a_model_without_a_head_is_refused():
    ids = keras.Input((4,), name="x")
    model = keras.Model(ids, keras.layers.Dense(2, name="block_0_dense")(ids))
    with pytest.raises(InputError, match="the model has no head"):
        freeze.apply(freeze.Config(), model)


@pytest.mark.parametrize("name", ["block_a_x", "blocks_1", "my_block_0_x", "lstm", "block_1x"])
def test_other_names_are_no_blocks(name):
    assert freeze.block(name) is None


def test_frozen_weights_are_bit_identical_after_a_fit():
    keras.utils.set_random_seed(1)
    model = freeze.apply(freeze.Config(train="top", layers=1), tiny_model())
    before = {v.path: v.numpy() for v in model.weights}
    fit(
        model,
        config=TrainConfig(epochs=1, batch_size=8, learning_rate=0.01, weight_decay=0.1, l2=0.1),
        objective=plain.build(plain.Config(), Task.loss),
        batches=FakeBatches(),
        strategy=make("one_device"),
        evaluate=scores(0.5),
        headline="accuracy",
        stream=io.StringIO(),
    )
    trainable = {v.path for v in model.trainable_variables}
    for v in model.weights:
        assert np.array_equal(v.numpy(), before[v.path]) == (v.path not in trainable), v.path
