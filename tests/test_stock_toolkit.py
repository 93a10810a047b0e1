"""Quantized Keras 3 layers against the toolkit's Keras 2 wrappers of the same layers."""

import os

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfapps.compress import qat
from tfapps.compress.stock import places, report
from tfapps.compress.stock.quantize import all_twins
from tfapps.layers.fake_quant import in_model

IMAGE, VECTOR = (6, 6, 4), (5,)


@pytest.fixture(scope="module")
def toolkit():
    """The toolkit; importing it sets a variable that children would inherit."""
    before = os.environ.get("TF_USE_LEGACY_KERAS")
    import tensorflow_model_optimization as tfmot

    yield tfmot
    if before is None:
        os.environ.pop("TF_USE_LEGACY_KERAS", None)
    else:
        os.environ["TF_USE_LEGACY_KERAS"] = before


@pytest.fixture
def channels_of_the_toolkit(monkeypatch):
    """Ranges for the channels that the toolkit has them for; ours are those of the converter."""
    # One for all of a kernel; of a depthwise one for all input channels.
    for name, attribute, axes in (
        ("Dense", "kernel", ()),
        ("Conv2DTranspose", "kernel", ()),
        ("DepthwiseConv2D", "kernel", (-1,)),
        ("SeparableConv2D", "depthwise_kernel", (-1,)),
    ):
        weight = vars(all_twins()[getattr(keras.layers, name)])[attribute]
        monkeypatch.setattr(weight, "axes", axes)


def chain(shape, *layers):
    """A function of `keras` or `tf_keras` -> a model of layers in a row."""

    def build(k):
        x = inputs = k.Input(shape)
        for layer in layers:
            x = layer(k.layers)(x)
        return k.Model(inputs, x)

    return build


def sum_and_product(k):
    inputs = k.Input(IMAGE)
    x = k.layers.Conv2D(4, 3, padding="same")(inputs)
    y = k.layers.DepthwiseConv2D(3, padding="same", activation="relu")(x)
    x = k.layers.Activation("relu")(k.layers.Add()([x, y]))
    return k.Model(inputs, k.layers.Dense(3)(k.layers.GlobalAveragePooling2D()(x)))


def joined(k):
    inputs = k.Input(VECTOR)
    x = k.layers.Concatenate()([k.layers.Dense(3)(inputs), k.layers.Dense(4, "relu")(inputs)])
    return k.Model(inputs, k.layers.Dense(2)(x))


def conv(**settings):
    return lambda k: k.Conv2D(4, 3, **settings)


def dense(activation=None, **settings):
    return lambda k: k.Dense(3, activation, **settings)


def plain(name, *arguments):
    return lambda k: getattr(k, name)(*arguments)


MODELS = {
    **{f"dense {name}": chain(VECTOR, dense(name)) for name in ("linear", "relu", "gelu")},
    **{f"dense {name}": chain(VECTOR, dense(name)) for name in ("tanh", "sigmoid", "softmax")},
    "two dense": chain(VECTOR, dense("relu"), dense("softmax")),
    "dense norm": chain(VECTOR, dense(use_bias=False), plain("BatchNormalization")),
    "dense norm relu": chain(
        VECTOR, dense(use_bias=False), plain("BatchNormalization"), plain("ReLU"), dense()
    ),
    "conv": chain(IMAGE, conv(activation="relu"), conv()),
    "conv norm": chain(IMAGE, conv(use_bias=False), plain("BatchNormalization"), conv()),
    "conv norm relu": chain(
        IMAGE, conv(use_bias=False), plain("BatchNormalization"), plain("ReLU"), conv()
    ),
    "conv norm activation": chain(
        IMAGE, conv(use_bias=False), plain("BatchNormalization"), plain("Activation", "relu")
    ),
    "pools": chain(
        IMAGE,
        conv(),
        plain("AveragePooling2D", 2),
        plain("Flatten"),
        plain("Dropout", 0.0),
        dense(),
    ),
    "maximum": chain(IMAGE, conv(), plain("MaxPooling2D"), conv(padding="same"), plain("Softmax")),
    "leaky": chain(IMAGE, conv(), plain("LeakyReLU"), plain("UpSampling2D")),
    "depthwise": chain(IMAGE, lambda k: k.DepthwiseConv2D(3, activation="relu"), conv()),
    "separable": chain(IMAGE, lambda k: k.SeparableConv2D(5, 3, activation="relu"), conv()),
    "transposed": chain(IMAGE, lambda k: k.Conv2DTranspose(3, 3), plain("ZeroPadding2D"), conv()),
    "activations": chain(VECTOR, plain("Activation", "relu"), dense(), plain("Activation", "tanh")),
    "sum": sum_and_product,
    "joined": joined,
}


# They hold most of the layers; the others are each alone.
QUICK = ("two dense", "dense gelu", "conv norm relu", "separable", "pools", "sum", "joined")


def trained(model, x, steps=3):
    """Outputs in training, updates of the weights, and the output afterwards."""
    variables = model.trainable_variables
    variables = [v.value if isinstance(v, keras.Variable) else v for v in variables]
    outputs, updates = [], []
    for step in range(steps):
        with tf.GradientTape() as tape:
            out = model(x[step], training=True)
            weights = np.random.default_rng(step).normal(size=out.shape).astype("float32")
            loss = tf.reduce_sum(out * weights) / len(x[step])
        gradients = tape.gradient(loss, variables)
        for variable, gradient in zip(variables, gradients, strict=True):
            variable.assign_sub(0.05 * gradient)
        outputs.append(out.numpy())
        updates += [gradient.numpy() for gradient in gradients]
    return outputs, updates


@pytest.mark.usefixtures("channels_of_the_toolkit")
@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=[pytest.mark.slow] * (n not in QUICK)) for n in MODELS]
)
def test_training_is_the_toolkits(toolkit, name):
    import tf_keras

    keras.utils.set_random_seed(3)
    plain_model = MODELS[name](keras)
    theirs = MODELS[name](tf_keras)
    weights = [np.random.default_rng(8).normal(0, 0.4, w.shape) for w in plain_model.get_weights()]
    weights = [np.abs(w) if w.ndim == 1 else w for w in weights]  # variances are positive
    plain_model.set_weights(weights)
    theirs.set_weights(weights)
    ours = qat.quantize(plain_model)
    for quantizer in in_model(ours):
        quantizer.warm = False  # start from (-6, 6), as the toolkit does
    theirs = toolkit.quantization.keras.quantize_model(theirs)
    x = np.random.default_rng(0).normal(size=(3, 8, *plain_model.input_shape[1:])).astype("float32")
    (outputs, updates), (expected, expected_updates) = trained(ours, x), trained(theirs, x)
    np.testing.assert_allclose(outputs, expected, rtol=0, atol=1e-4)
    for update, other in zip(updates, expected_updates, strict=True):
        np.testing.assert_allclose(update, other, rtol=1e-3, atol=1e-4)


def test_every_layer_of_the_toolkits_registry_has_a_quantized_form_or_a_reason(toolkit):
    from tensorflow_model_optimization.python.core.quantization.keras.default_8bit import (
        default_8bit_quantize_registry as registry,
    )

    kinds = registry.Default8BitQuantizeRegistry()._layer_quantize_map
    # Its transforms take these as well.
    names = {kind.__name__ for kind in kinds} | {"SeparableConv1D", "SeparableConv2D"}
    names |= {"BatchNormalization", "InputLayer"}
    known = {*all_twins(), *places.TRANSPARENT, *report.REASONS, keras.layers.InputLayer}
    assert {"Dense", "Conv2D", "Add", "Softmax"} <= names
    assert names - {kind.__name__ for kind in known} == set()
