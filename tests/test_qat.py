"""Quantization-aware training: the quantized model and its ranges."""

import functools
import io

import keras
import numpy as np
import pytest
from fitting import Task, scores
from qat_models import CLASSES, LENGTH, WORDS, classifier, given, ready
from running import on_two_devices

from tfapps.compress import qat
from tfapps.compress._constraints import Clusters, add
from tfapps.config.sections import TrainConfig
from tfapps.errors import InputError
from tfapps.export.parts import integers
from tfapps.graph import weights
from tfapps.graph.clone import in_float32
from tfapps.graph.precision import precision
from tfapps.layers.embedding import Embedding
from tfapps.layers.fake_quant import in_model
from tfapps.layers.linear import Linear
from tfapps.runs.figures import reported
from tfapps.train.loop import fit
from tfapps.train.objectives import plain
from tfapps.train.strategy import make

shared = functools.cache(ready)  # for tests that do not change it


def answers(model):
    """Logits, without the trace that `predict_on_batch` would make."""
    return np.asarray(model(given(model)))


def test_every_product_and_table_is_quantized_and_weights_are_carried():
    plain_model, model = classifier(), shared()
    before = weights.variables(plain_model)
    after = weights.variables(model)
    assert before.keys() < after.keys()
    for path, weight in before.items():
        if path.endswith("kernel"):
            gain = after.get(path.replace("kernel", "input_gain"), 1)
            weight = weight * np.reshape(gain, (-1, 1))
        np.testing.assert_allclose(after[path], weight, rtol=1e-5)
    kernels = {path for path in before if path.endswith("kernel")}
    ranges = {path.removesuffix("_range/high") for path in after if "kernel_range/high" in path}
    assert ranges == kernels
    assert model.get_layer("embeddings").weight_bits == 8


def test_the_quantized_model_answers_nearly_the_same():
    plain_model, model = classifier(), shared()
    expected = answers(plain_model)
    assert 0 < np.abs(answers(model) - expected).max() < 0.2 * np.abs(expected).max()


def test_channels_that_stand_out_get_factors_and_the_function_stays():
    plain_model, model = classifier(), ready()
    paths = {q.path for q in in_model(model) if q.equalize and np.any(np.asarray(q.gain) != 1)}
    assert paths == {"block_0_output/output_range"}
    moved = {
        layer.path
        for layer in model._flatten_layers()
        if getattr(layer, "input_gain", None) is not None
        and np.any(np.asarray(layer.input_gain) != 1)
    }
    assert "block_1_attention/qkv" in moved
    assert "head" not in moved
    for quantizer in in_model(model):
        quantizer.off = True
    model.get_layer("embeddings").weight_bits = None
    np.testing.assert_allclose(answers(model), answers(plain_model), atol=1e-4)


def test_fewer_bits_are_further_off():
    expected = answers(classifier(layers=1))
    errors = []
    for bits in (8, 7, 4, 3):
        model = ready(layers=1, weight_bits=bits, activation_bits=None, embedding_bits=None)
        errors.append(np.abs(answers(model) - expected).mean())
    assert 0 < errors[0] < errors[1] < errors[2] < errors[3]


def test_layers_that_stay_float_have_no_quantizer():
    model = qat.quantize(classifier(), keep_float=["head", "block_0_*", "embeddings"])
    quantized = {quantizer.path.split("/")[0] for quantizer in in_model(model)}
    assert quantized == {"block_1_attention", "block_1_intermediate", "block_1_output"}
    assert model.get_layer("embeddings").weight_bits is None


def test_everything_means_scores_and_sums_too():
    products = {q.path for q in in_model(shared())}
    everything = {q.path for q in in_model(ready(activations="all"))}
    assert {"block_0_attention/scores_range", "block_0_output_norm/output_range"} <= everything
    assert not any("scores" in path or "norm" in path for path in products)
    # What a normalisation has rounded is not rounded again.
    assert "block_0_intermediate/input_range" in products - everything


def test_weight_only_has_no_ranges_for_activations():
    model = ready(weight_bits=4, activation_bits=None)
    assert {quantizer.kind for quantizer in in_model(model)} == {"last"}
    assert not integers.rounds_activations(model)


def test_clusters_keep_one_range_a_kernel():
    class Job:
        model = classifier()

    assert qat.plan(qat.Config(), Job)["per_channel"] is True
    kernel = Job.model.get_layer("head").kernel
    add(kernel, Clusters(np.zeros(kernel.shape, np.int32)))
    assert qat.plan(qat.Config(), Job)["per_channel"] is False
    model = qat.build(qat.Config(), Job.model, {"per_channel": False})
    assert {tuple(quantizer.low.shape) for quantizer in in_model(model)} == {()}


def test_a_float32_copy_of_half_precision_rounds_in_float32():
    with precision("mixed_bfloat16"):
        model = ready(layers=1)
        copy = in_float32(model)
    assert {quantizer.compute_dtype for quantizer in in_model(model)} == {"bfloat16"}
    assert {quantizer.compute_dtype for quantizer in in_model(copy)} == {"float32"}


@pytest.mark.parametrize("name", ["bert", "bilstm"])
def test_settled_weights_lie_on_their_grids(name):
    model = ready(name, weight_bits=4, activation_bits=None, embedding_bits=4)
    expected = model(given(model))
    qat.settle(model)
    np.testing.assert_allclose(model(given(model)), expected, atol=1e-5)
    before = {path: weight.numpy() for path, weight in weights.variables(model).items()}
    integers.bake(model)
    for path, weight in weights.variables(model).items():
        np.testing.assert_allclose(weight, before[path], rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(model(given(model)), expected, atol=1e-5)


def test_a_pattern_without_a_layer_and_a_model_without_one_are_refused():
    with pytest.raises(InputError, match=r"keep_float: 'blok_\*' matches no layer; .* embeddings"):
        qat.quantize(classifier(), keep_float=["blok_*"])
    inputs = keras.Input((4,))
    model = keras.Model(inputs, keras.layers.LayerNormalization(name="norm")(inputs), name="plain")
    with pytest.raises(InputError, match=r"no layer of plain can be quantized:\nfloat: norm \(Lay"):
        qat.quantize(model)


def test_the_report_of_a_config_counts_and_names_the_layers():
    model = qat.quantize(little(), keep_float=["hidden"])
    report = qat.report(qat.Config(), model)
    assert report == {
        "quantized_layers": 2,
        "float_layers": "2 (1 GlobalAveragePooling1D, 1 Linear)",
        "layers": {
            "tokens": 8,
            "mean": "float: what it reads is float",
            "hidden": "float: keep_float",
            "head": 8,
        },
    }
    assert reported(report) == [
        "quantized_layers 2",
        "float_layers 2 (1 GlobalAveragePooling1D, 1 Linear)",
    ]


# Training


@pytest.mark.parametrize(
    "name",
    ["little", *(pytest.param(name, marks=pytest.mark.slow) for name in ("bert", "bilstm"))],
)
def test_three_lines_of_keras_compress_a_users_trained_model(name):
    def fitted(model, rate, epochs):
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(keras.optimizers.Adam(rate), loss, metrics=["accuracy"])
        return model.fit(data, labels, epochs=epochs, batch_size=32, verbose=0).history

    model = little(width=64) if name == "little" else classifier(name)
    data = given(model)
    labels = data["token_ids"][:, 0] % CLASSES
    fitted(model, *((1e-3, 16) if name == "bert" else (1e-2, 30)))
    small = qat.quantize(model, weight_bits=4)
    qat.calibrate(small, [data])
    history = fitted(small, 3e-4, 10)
    assert history["accuracy"][-1] > 0.9
    qat.settle(small)
    head = small.get_layer("head")
    np.testing.assert_allclose(head.kernel_range.high, np.abs(head.kernel).max(axis=0), rtol=1e-6)


class Batches:
    """Four batches an epoch, always the same."""

    steps_per_epoch, batch_size = 4, 16

    def __init__(self, model):
        self.features = given(model)

    def epoch(self, epoch, start=0):
        import tensorflow as tf

        data = self.features
        labels = {"label": data["token_ids"][:, 0] % CLASSES}
        weight = np.ones(len(labels["label"]), "float32")
        return tf.data.Dataset.from_tensor_slices((data, labels, weight)).batch(16).skip(start)


def train(model, strategy, epochs, callbacks=()):
    fit(
        model,
        config=TrainConfig(epochs=epochs, batch_size=16, learning_rate=1e-2),
        objective=plain.build(plain.Config(), Task.loss),
        batches=Batches(model),
        strategy=strategy,
        evaluate=scores(*np.linspace(0.1, 0.2, epochs)),
        headline="accuracy",
        callbacks=callbacks,
        stream=io.StringIO(),
    )


def test_the_schedule_delays_rounding_and_freezes_ranges():
    model = qat.quantize(little())
    config = qat.Config(delay=0.5, freeze=0.75)
    qat.begin(config, model, Batches(model).epoch(0))
    seen = []

    class Watch(keras.callbacks.Callback):
        def on_train_batch_begin(self, batch, logs=None):
            quantizer = model.get_layer("head").output_range
            phase = quantizer.phase
            seen.append((float(phase.quantizing), float(phase.following), float(quantizer.high)))

    callbacks = [*qat.callbacks(config, model, 8), Watch()]
    train(model, make("one_device"), epochs=2, callbacks=callbacks)
    assert [quantizing for quantizing, _, _ in seen] == [0.0] * 4 + [1.0] * 4
    assert [following for _, following, _ in seen] == [1.0] * 6 + [0.0] * 2
    highs = [high for *_, high in seen]
    assert len(set(highs[:6])) == 6
    assert highs[6] == highs[7]
    assert all(quantizer.phase is None for quantizer in in_model(model))


REPLICAS = """
import json
import keras, numpy as np, tensorflow as tf
import test_qat as t

def ranges():
    moving = [q for q in t.in_model(model) if q.kind == "moving"]
    return np.array([float(q.high.numpy()) for q in moving])

strategy = t.make("mirrored")
with strategy.scope():
    model = t.qat.quantize(t.little())
    t.qat.calibrate(model, [t.given(model)])
before = ranges()
t.train(model, strategy, epochs=1)
apart = max(
    np.ptp([np.asarray(copy) for copy in strategy.experimental_local_results(v.value)], 0).max()
    for v in model.weights
)
moved = bool((ranges() != before).all())
print(json.dumps([strategy.num_replicas_in_sync, float(apart), moved]))
"""


def little(width=8):
    """Layers of tfapps, as few as a user's model may have."""
    ids = keras.Input((LENGTH,), dtype="int32", name="token_ids")
    x = Embedding(WORDS, width, name="tokens")(ids)
    x = Linear(width, "gelu", name="hidden")(keras.layers.GlobalAveragePooling1D(name="mean")(x))
    return keras.Model({"token_ids": ids}, Linear(CLASSES, name="head")(x))


def test_two_replicas_keep_one_range():
    assert on_two_devices(REPLICAS) == [2, 0.0, True]
