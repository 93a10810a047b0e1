"""Small translators with large weights, and what the tests of all of them ask."""

import keras
import numpy as np
from keras import ops

ROWS, LENGTH, WORDS = 3, 6, 20
MASK = (np.arange(LENGTH) < np.array([LENGTH, 4, 1])[:, None]).astype("int32")


def draw(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def fill(model, spread=0.5):
    """Weights large enough that every part of a model is felt in its logits."""
    for index, weight in enumerate(model.trainable_weights):
        start = 1.0 if weight.name == "gamma" else 0.0
        weight.assign(start + draw(*weight.shape, seed=index) * spread)
    return model


def features(seed=0, targets=LENGTH, words=WORDS):
    random = np.random.default_rng(seed)
    ids = random.integers(1, WORDS, (ROWS, LENGTH), dtype="int32")
    target_ids = random.integers(1, words, (ROWS, targets), dtype="int32")
    return {"token_ids": ids * MASK, "padding_mask": MASK, "target_ids": target_ids}


def logits(model, inputs):
    return ops.convert_to_numpy(model(inputs)["logits"])


def split(module, config, encoded):
    """First states and context in what an encoder gave."""
    assert set(encoded) == {*module.states(config), *module.context(config)}
    return (
        {name: encoded[name] for name in module.states(config)},
        {name: encoded[name] for name in module.context(config)},
    )


def stepped(module, config, model, inputs, **sizes):
    """Logits (b, t, v) and attention (b, t, s) of the step model, token by token."""
    encoder, step = module.encoder_of(model, **sizes), module.step_of(model, **sizes)
    states, context = split(
        module, config, encoder({k: inputs[k] for k in ("token_ids", "padding_mask")})
    )
    assert set(step.input) == {"token_ids", *states, *context}
    assert set(step.output) == {"logits", "attention", *states}
    outs = []
    for token_ids in np.asarray(inputs["target_ids"]).T:
        outs.append(step({"token_ids": ops.convert_to_tensor(token_ids), **states, **context}))
        states = {name: outs[-1][name] for name in states}
    names = ("logits", "attention")
    return [np.stack([ops.convert_to_numpy(out[name]) for out in outs], 1) for name in names]


def check_steps(module, config, model, **sizes):
    """The step model gives the logits of the training graph; padding changes nothing."""
    inputs = features()
    full = logits(model, inputs)
    assert np.abs(full - full[:, :1]).max() > 0.1
    each, attention = stepped(module, config, model, inputs, **sizes)
    np.testing.assert_allclose(each, full, atol=1e-5)
    real = np.broadcast_to(MASK[:, None], attention.shape)
    np.testing.assert_allclose(attention.sum(-1), 1, atol=1e-5)
    assert attention[real == 0].max() < 1e-6
    garbage = {**inputs, "token_ids": np.where(MASK, inputs["token_ids"], 7)}
    np.testing.assert_allclose(logits(model, garbage), full, atol=1e-5)
    if None in model.input["token_ids"].shape:
        longer = {
            name: np.pad(value, ((0, 0), (0, 4)), constant_values=0 if "mask" in name else 5)
            for name, value in inputs.items()
            if name != "target_ids"
        }
        longer["target_ids"] = inputs["target_ids"]
        np.testing.assert_allclose(logits(model, longer), full, atol=1e-5)


def check_causal(model):
    """A token of the target changes no logits before its own place."""
    inputs = features()
    other = {**inputs, "target_ids": inputs["target_ids"].copy()}
    other["target_ids"][:, 5] = (inputs["target_ids"][:, 5] + 1) % WORDS
    change = np.abs(logits(model, inputs) - logits(model, other)).max(axis=(0, 2))
    assert change[:5].max() < 1e-5 < 1e-2 < change[5]


def check_learns(model):
    """Every weight gets a gradient."""
    import tensorflow as tf

    with tf.GradientTape() as tape:
        loss = ops.sum(ops.square(model(features(), training=True)["logits"]))
    weights = model.trainable_variables
    for weight, gradient in zip(weights, tape.gradient(loss, weights), strict=True):
        assert np.abs(tf.convert_to_tensor(gradient)).max() > 0, weight.path


def check_mixed_precision(build, policy):
    keras.config.set_dtype_policy(policy)
    try:
        model = build()
    finally:
        keras.config.set_dtype_policy("float32")
    exact = build()
    keras.utils.set_random_seed(1)
    for weight, other in zip(exact.weights, model.weights, strict=True):
        other.assign(weight)
    assert {weight.dtype for weight in model.trainable_variables} == {"float32"}
    out = ops.convert_to_numpy(ops.cast(model(features())["logits"], "float32"))
    np.testing.assert_allclose(out, logits(exact, features()), atol=0.02)


def paths(model):
    return [weight.path for weight in model.weights if "seed" not in weight.path]


def edge_file(model, names, folder):
    """A static Keras model as a .tflite file of builtin operations, and a function that runs it."""
    import tensorflow as tf
    from ai_edge_litert.interpreter import Interpreter

    module = tf.Module()
    module.weights = [weight.value for weight in model.weights]
    signature = {
        name: tf.TensorSpec(tensor.shape, tensor.dtype, name=name)
        for name, tensor in model.input.items()
    }
    module.serve = tf.function(
        lambda x: {name: model(x, training=False)[name] for name in names},
        input_signature=[signature],
        autograph=False,
    )
    tf.saved_model.save(module, str(folder), signatures=module.serve)
    converter = tf.lite.TFLiteConverter.from_saved_model(str(folder))
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
    runner = Interpreter(model_content=converter.convert())
    runner.allocate_tensors()
    operations = {entry["op_name"] for entry in runner._get_ops_details()}
    return runner.get_signature_runner(), operations


def check_named_logits(module, config, model):
    """A task may give the logits a layer of that name behind the model."""
    named = keras.layers.Activation("linear", dtype="float32", name="logits")
    task = keras.Model(model.input, {"logits": named(model.output["logits"])})
    each, _ = stepped(module, config, task, features())
    np.testing.assert_allclose(each, logits(model, features()), atol=1e-5)
