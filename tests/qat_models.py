"""Small models with large weights for the tests of quantization-aware training."""

import keras
import numpy as np
from export_models import features

from tfapps.compress import qat
from tfapps.graph import weights
from tfapps.layers.linear import Linear
from tfapps.models import bert, bilstm

LENGTH, WORDS, CLASSES = 12, 60, 3
# Of weights: near zero nothing would be rounded visibly.
SPREAD = {"bert": 0.15, "bilstm": 0.45}


def rows(count, seed=0):
    columns = features(count, LENGTH, seed, ("token_ids", "padding_mask"))
    columns["token_ids"] %= WORDS
    return {**columns, "segment_ids": np.zeros_like(columns["token_ids"])}


def encoder(name, batch_size=None, length=None, layers=2):
    sizes = {"batch_size": batch_size, "length": length, "vocabulary_size": WORDS}
    if name == "bert":
        return bert.build(bert.Config(size="tiny", layers=layers, max_length=LENGTH), **sizes)
    return bilstm.build(bilstm.Config(units=16, embedding_size=24, max_length=LENGTH), **sizes)


def classifier(name="bert", batch_size=None, length=None, seed=7, layers=2):
    """A model with random weights; `layers` are the blocks of a BERT."""
    keras.utils.set_random_seed(seed)
    part = encoder(name, batch_size, length, layers)
    model = keras.Model(part.input, Linear(CLASSES, name="head")(part.output["pooled"]))
    random = np.random.default_rng(seed)
    for weight in model.trainable_weights:
        if len(weight.shape) > 1:
            weight.assign(random.normal(0, SPREAD[name], weight.shape))
    if name == "bert" and layers == 2:  # trained encoders have such channels
        large = np.where(np.arange(128) == 3, 8, 1)
        kernel, gamma = model.get_layer("block_0_output").kernel, norm(model).gamma
        reader = model.get_layer("block_1_attention").qkv.kernel
        kernel.assign(kernel * large)
        gamma.assign(gamma * large)
        reader.assign(reader / large[:, None])
    return model


def norm(model):
    return model.get_layer("block_0_output_norm")


def given(model):
    """The rows that a model reads."""
    return {name: value for name, value in rows(64).items() if name in model.input}


def ready(name="bert", layers=2, **settings):
    model = qat.quantize(classifier(name, layers=layers), **settings)
    qat.calibrate(model, [given(model)])
    return model


def rebuilt(trained, name="bert", layers=2, **settings):
    """What an exporter asks for: the model in any shape, with the trained weights."""

    def rebuild(batch_size, length):
        float_model = classifier(name, batch_size, length, seed=1, layers=layers)
        model = qat.quantize(float_model, **settings)
        for path, weight in weights.variables(trained).items():
            weights.variables(model)[path].assign(weight)
        return model

    return rebuild
