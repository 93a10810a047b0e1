"""Quantization of stock Keras 3 models: places, custom layers, recurrence, saving, the report."""

import subprocess
import sys

import keras
import numpy as np
import pytest
from keras import layers as L

import tfapps
from tfapps.compress import qat
from tfapps.errors import InputError
from tfapps.export.parts import integers
from tfapps.layers.fake_quant import in_model

IDS = np.random.default_rng(0).integers(1, 20, (8, 7))
IDS[:, 5:] = 0
VALUES = np.random.default_rng(0).normal(size=(8, 7, 4)).astype("float32")


@keras.saving.register_keras_serializable("test_stock")
class Declaring(L.Layer):
    """A custom layer that says which weight can be rounded."""

    def build(self, shape):
        self.matrix = self.add_weight(name="matrix", shape=(3, shape[-1]))

    def call(self, x):
        return keras.ops.tanh(keras.ops.matmul(x, keras.ops.transpose(self.matrix)))

    def quantized_weights(self):
        return {"matrix": (0,)}


def cnn():
    inputs = keras.Input((8, 8, 3))
    x = L.Conv2D(4, 3, use_bias=False, name="conv")(inputs)
    x = L.ReLU(name="relu")(L.BatchNormalization(name="norm")(x))
    y = L.DepthwiseConv2D(3, padding="same", activation="relu", name="depthwise")(x)
    x = L.MaxPooling2D(name="pool")(L.Add(name="sum")([x, y]))
    x = L.Dense(6, activation="tanh", name="hidden")(L.Flatten(name="flat")(x))
    return keras.Model(inputs, L.Softmax(name="shares")(L.Dense(3, name="head")(x)))


def reader(layer):
    inputs = keras.Input((7,), dtype="int32")
    values = keras.initializers.RandomNormal(stddev=1.0)
    x = L.Embedding(20, 6, mask_zero=True, embeddings_initializer=values)(inputs)
    return keras.Model(inputs, L.Dense(3)(layer(x)))


def attention():
    inputs = keras.Input((7, 4))
    x = L.MultiHeadAttention(2, 3, name="heads")(inputs, inputs)
    x = L.LayerNormalization(name="norm")(L.Add(name="sum")([inputs, x]))
    x = L.GroupQueryAttention(2, 4, 2, name="groups")(x, x)
    return keras.Model(inputs, L.Dense(2, name="head")(x))


def nested():
    inner = keras.Sequential([keras.Input((7, 4)), L.Dense(5, "relu"), L.Dense(4)], name="inner")
    inputs = keras.Input((7, 4))
    return keras.Model(inputs, L.TimeDistributed(L.Dense(3))(inner(inputs)))


def convolutions():
    return keras.Sequential(
        [
            keras.Input((7, 4)),
            L.SeparableConv1D(5, 3),
            L.Conv1D(4, 2, padding="causal"),
            Declaring(),
        ]
    )


def hub():
    from keras_hub.models import BertBackbone

    sizes = {"num_layers": 1, "num_heads": 2, "hidden_dim": 8, "intermediate_dim": 16}
    backbone = BertBackbone(vocabulary_size=20, max_sequence_length=7, **sizes)
    outputs = backbone(backbone.input)
    return keras.Model(backbone.input, L.Dense(3, name="head")(outputs["sequence_output"]))


FEATURES = {"token_ids": IDS, "segment_ids": 0 * IDS, "padding_mask": np.sign(IDS)}
MODELS = {
    "cnn": (cnn, np.random.default_rng(1).random((8, 8, 8, 3)).astype("float32")),
    "lstm": (lambda: reader(L.LSTM(5)), IDS),
    "two directions": (lambda: reader(L.Bidirectional(L.GRU(5))), IDS),
    "simple": (lambda: reader(L.SimpleRNN(5)), IDS),
    "attention": (attention, VALUES),
    "nested": (nested, VALUES),
    "convolutions": (convolutions, VALUES),
    "hub": (hub, FEATURES),
}


def ready(name, **settings):
    keras.utils.set_random_seed(5)
    build, data = MODELS[name]
    model = build()
    small = qat.quantize(model, **settings)
    qat.calibrate(small, [data])
    return model, small, data


SLOW = ("two directions", "simple", "nested", "hub")


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=[pytest.mark.slow] * (n in SLOW)) for n in MODELS]
)
def test_a_quantized_model_is_nearly_the_model_and_the_same_when_reloaded(name, tmp_path):
    model, small, data = ready(name)
    expected, outputs = np.asarray(model(data)), np.asarray(small(data))
    difference = np.abs(outputs - expected).max()
    assert 0 < difference < 0.05 * np.ptp(expected)
    paths = [weight.path for weight in small.weights]
    assert len(set(paths)) == len(paths)
    small.save(tmp_path / "small.keras")
    again = keras.saving.load_model(tmp_path / "small.keras")
    np.testing.assert_array_equal(again(data), outputs)
    assert tfapps.report(again).quantized == tfapps.report(small).quantized
    # The form of integer files rounds the same tensors to the same steps.
    qat.settle(small)
    settled = np.asarray(small(data))
    np.testing.assert_allclose(settled, outputs, atol=1e-5)
    integers.integers(small)
    np.testing.assert_allclose(small(data), settled, atol=1e-5)


def test_every_tensor_is_rounded_once():
    _, small, _ = ready("cnn")
    ranges = sorted(q.path for q in in_model(small) if q.kind != "last")
    assert ranges == [
        "conv/input_range",
        "depthwise/output_range",
        "head/input_range",
        "head/output_range",
        "hidden/before_range",
        "relu/output_range",
        "sum/output_range",
    ]


def test_the_report_names_what_stays_float_and_why(capsys):
    model = cnn()
    small = tfapps.quantize(model, keep_float=["hid*"])
    printed = capsys.readouterr().out
    assert "8 bits: conv (Conv2D), norm (BatchNormalization), relu (ReLU), depthwise" in printed
    assert "float: hidden (Dense): keep_float" in printed
    assert "float: shares (Softmax): its sums need more than 8 bits" in printed
    assert str(tfapps.report(small)) == printed.rstrip("\n")
    rows = {row.layer: row.bits for row in tfapps.report(small).quantized}
    assert rows["head"] == 8
    assert "pool" not in printed
    assert {type(layer).__name__ for layer in model.layers} == {
        *("InputLayer", "Conv2D", "BatchNormalization", "ReLU", "DepthwiseConv2D", "Add"),
        *("MaxPooling2D", "Flatten", "Dense", "Softmax"),
    }


def test_layers_that_cannot_be_rounded_say_so():
    inputs = keras.Input((7, 4))
    x = L.LSTM(3, dropout=0.5, name="dropping", return_sequences=True)(inputs)
    x = L.SimpleRNN(3, activation="relu", name="open", return_sequences=True)(x)
    x = L.BatchNormalization(name="alone")(x)
    small = qat.quantize(keras.Model(inputs, L.Dense(2, name="head")(x)))
    reasons = {row.layer: row.reason for row in tfapps.report(small).floats}
    assert reasons == {
        "dropping": "it has dropout within its steps; put a Dropout layer in front of it",
        "open": "activation='relu' does not bound its state; use 'tanh'",
        "alone": "what it reads is float",
    }


def test_fit_learns_ranges_and_weights_without_a_calibration():
    model, _, data = ready("convolutions")
    small = qat.quantize(model)
    low = float(small.layers[1].output_range.low)
    small.compile(keras.optimizers.SGD(0.1), "mse")
    small.fit(data, np.zeros((8, 5, 3)), epochs=1, batch_size=4, verbose=0)
    after = small.layers[1].output_range
    assert low == -6
    assert -3 < float(after.low) < 0 < float(after.high) < 3
    assert (np.asarray(small.layers[2].matrix) != np.asarray(model.layers[2].matrix)).any()


@pytest.mark.slow
def test_a_backbone_keeps_its_class(tmp_path):
    keras.utils.set_random_seed(5)
    backbone = hub().layers[3]
    small = qat.quantize(backbone)
    qat.calibrate(small, [FEATURES])
    assert isinstance(small, type(backbone))
    small.save(tmp_path / "small.keras")
    again = keras.saving.load_model(tmp_path / "small.keras")
    outputs = small(FEATURES)["pooled_output"]
    np.testing.assert_array_equal(again(FEATURES)["pooled_output"], outputs)
    assert (np.asarray(outputs) != np.asarray(backbone(FEATURES)["pooled_output"])).any()


def test_weights_alone_can_be_rounded():
    model, small, data = ready("nested", activation_bits=None, weight_bits=4)
    assert {q.kind for q in in_model(small)} == {"last"}
    assert 0 < np.abs(np.asarray(small(data)) - np.asarray(model(data))).max() < 1
    kernel = small.get_layer("inner").layers[0].kernel
    qat.settle(small)
    assert all(len(np.unique(column)) <= 15 for column in np.asarray(kernel).T)


def test_wrong_options_are_refused():
    with pytest.raises(InputError, match=r"keep_float: 'haed' matches no layer; .* head, shares"):
        tfapps.quantize(cnn(), keep_float=["haed"])
    with pytest.raises(InputError, match="activation_bits: got 16, expected 2 to 8"):
        tfapps.quantize(cnn(), activation_bits=16)


FRESH = """
import sys
import tfapps
assert "keras" not in sys.modules and "tensorflow" not in sys.modules
import keras
import numpy as np
model = keras.saving.load_model(sys.argv[1])
print(float(np.sum(model(np.ones((1, 7, 4))))), len(tfapps.report(model).quantized))
"""


@pytest.mark.slow
def test_a_fresh_process_reloads_a_model_after_importing_tfapps(tmp_path):
    _, small, _ = ready("attention")
    small.save(tmp_path / "small.keras")
    done = subprocess.run(
        [sys.executable, "-c", FRESH, str(tmp_path / "small.keras")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    total, count = done.stdout.split()
    assert float(total) == pytest.approx(float(np.sum(small(np.ones((1, 7, 4))))), abs=1e-5)
    assert int(count) == len(tfapps.report(small).quantized) == 9
