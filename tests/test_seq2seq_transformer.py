import itertools
import subprocess
import sys

import keras
import numpy as np
import pytest
from keras import ops
from seq2seq_models import (
    LENGTH,
    MASK,
    ROWS,
    WORDS,
    check_causal,
    check_learns,
    check_mixed_precision,
    check_named_logits,
    check_steps,
    draw,
    edge_file,
    features,
    fill,
    logits,
    paths,
    stepped,
)

from tfapps.compress import qat
from tfapps.errors import InputError
from tfapps.graph.clone import clone
from tfapps.models import _seq2seq, seq2seq_transformer

OPTIONS = [
    {"norm": norm, "positions": positions, "tie": tie}
    for norm, (positions, tie) in itertools.product(
        ("pre", "post"),
        (("sinusoidal", "none"), ("learned", "target_output"), ("sinusoidal", "all")),
    )
]
SETS = {"-".join(options.values()): options for options in OPTIONS}
FEW = ["pre-learned-target_output", "post-sinusoidal-all"]
QUICK = [*FEW, "pre-sinusoidal-none"]  # every value of every option


def small(**options):
    sizes = {"width": 8, "heads": 2, "inner": 12, "encoder_layers": 1, "decoder_layers": 1}
    return seq2seq_transformer.Config(**{**sizes, "max_length": LENGTH + 4, **options})


def build(config, **sizes):
    return fill(seq2seq_transformer.build(config, vocabulary_size=WORDS, **sizes))


def test_importing_the_module_imports_no_keras():
    code = "import sys, tfapps.models.seq2seq_transformer; sys.exit('keras' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(
    ("name", "sizes"),
    [
        *[
            pytest.param(name, {}, marks=[] if name in QUICK else [pytest.mark.slow])
            for name in SETS
        ],
        *[(name, {"batch_size": ROWS, "length": LENGTH}) for name in FEW],
    ],
)
def test_steps_give_the_logits_of_the_training_graph(name, sizes):
    config = small(**SETS[name], decoder_layers=2)
    check_steps(seq2seq_transformer, config, build(config, **sizes))


def test_steps_follow_an_encoder_of_two_blocks():
    config = small(encoder_layers=2, decoder_layers=1)
    check_steps(seq2seq_transformer, config, build(config))


def test_logits_depend_on_earlier_tokens_only():
    check_causal(build(small()))


@pytest.mark.parametrize("name", FEW)
def test_every_weight_learns(name):
    check_learns(build(small(**SETS[name])))


def test_as_many_steps_as_positions():
    config = small(max_length=LENGTH)
    model = build(config)
    each, _ = stepped(seq2seq_transformer, config, model, features())
    np.testing.assert_allclose(each, logits(model, features()), atol=1e-5)


def test_a_batch_as_large_as_the_texts_are_long_is_no_special_case():
    config = small(heads=1)
    model = build(config)
    copies = LENGTH // ROWS
    inputs = {name: np.repeat(value, copies, axis=0) for name, value in features().items()}
    square = build(config, batch_size=LENGTH, length=LENGTH)
    expected = np.repeat(logits(model, features()), copies, axis=0)
    np.testing.assert_allclose(logits(square, inputs), expected, atol=1e-5)


def test_steps_follow_a_clone():
    config = small(tie="all")
    model = build(config)
    copy = clone(model, lambda layer: {})
    fill(copy, 0.3)
    assert np.abs(logits(model, features()) - logits(copy, features())).max() > 0.1
    check_steps(seq2seq_transformer, config, copy)


@pytest.mark.parametrize("activations", ["products", "all"])
def test_steps_of_a_quantized_model_are_those_of_its_training_graph(activations):
    config = small(tie="all", positions="learned", decoder_layers=1)
    plain = build(config)
    model = qat.quantize(plain, activations=activations)
    qat.calibrate(model, [features()])
    full = logits(model, features())
    distance = np.abs(full - logits(plain, features()))
    assert 1e-3 < np.quantile(distance, 0.9) < 1.0
    each, _ = stepped(seq2seq_transformer, config, model, features())
    # Values next to a boundary may fall on either side of it.
    assert np.quantile(np.abs(each - full), 0.9) < 1e-4
    kernels = [path for path in paths(plain) if path.endswith("kernel")]
    assert len([path for path in paths(model) if "kernel_range/low" in path]) == len(kernels)


@pytest.mark.parametrize("tie", ["none", "all"])
def test_a_task_may_name_the_logits(tie):
    config = small(tie=tie)
    check_named_logits(seq2seq_transformer, config, build(config))


def test_weight_paths_are_unique_and_stable():
    config = small(decoder_layers=1, encoder_layers=1, tie="none")
    actual = paths(build(config))
    assert actual == paths(build(config, batch_size=2, length=5))
    assert len(set(actual)) == len(actual)
    dense = ["encoder_0_attention/qkv", "encoder_0_attention/output", "memory/map", "projection"]
    dense += [f"decoder_0_{part}" for part in ("attention/qkv", "attention/output")]
    dense += [f"decoder_0_{part}" for part in ("cross/query", "cross/output")]
    dense += [
        f"{side}_0_{part}" for side in ("encoder", "decoder") for part in ("intermediate", "output")
    ]
    norms = ["encoder", "decoder", "decoder_0_cross"]
    norms += [
        f"{side}_0_{part}" for side in ("encoder", "decoder") for part in ("attention", "output")
    ]
    assert set(actual) == {
        "source_embeddings/embeddings",
        "target_embeddings/embeddings",
        *[f"{layer}/{part}" for layer in dense for part in ("kernel", "bias")],
        *[f"{norm}_norm/{part}" for norm in norms for part in ("gamma", "beta")],
    }


def test_sizes_are_checked():
    with pytest.raises(ValueError, match="width: got 9, expected a multiple of heads, 2"):
        small(width=9)
    with pytest.raises(InputError, match="length: got 11, but the model has 10 positions; raise"):
        build(small(), length=11)
    with pytest.raises(InputError, match="tie: got all, but the vocabularies have 20 and 31"):
        seq2seq_transformer.build(small(tie="all"), vocabulary_size=20, target_vocabulary_size=31)


def test_dropout_acts_in_training_only():
    model = build(small())
    plain = logits(model, features())
    np.testing.assert_array_equal(plain, logits(model, features()))
    drawn = [model(features(), training=True)["logits"] for _ in range(2)]
    assert np.abs(drawn[0] - plain).max() > 1e-2
    assert np.abs(drawn[0] - drawn[1]).max() > 1e-2


def test_source_and_target_tables_start_different():
    model = seq2seq_transformer.build(small(), vocabulary_size=WORDS)
    first, second = (model.get_layer(f"{side}_embeddings") for side in ("source", "target"))
    assert np.abs(first.get_weights()[0] - second.get_weights()[0]).min() > 1e-6


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_mixed_precision(policy):
    check_mixed_precision(lambda: fill(build(small()), 0.1), policy)


def test_encoder_and_step_export_to_builtins(tmp_path):
    config = small(decoder_layers=1)
    model = build(config, batch_size=1, length=LENGTH)
    kept = seq2seq_transformer.states(config)
    encode = seq2seq_transformer.encoder_of(model)  # test_greedy.py exports it with the step
    step, _ = edge_file(
        seq2seq_transformer.step_of(model), ("logits", "attention", *kept), tmp_path / "step"
    )
    inputs = {name: value[1:2] for name, value in features().items()}
    full = logits(model, inputs)
    read = encode({"token_ids": inputs["token_ids"], "padding_mask": MASK[1:2]})
    read = {name: np.asarray(value) for name, value in read.items()}
    for place in range(LENGTH):
        out = step(token_ids=inputs["target_ids"][:, place], **read)
        np.testing.assert_allclose(out["logits"], full[:, place], atol=1e-5)
        read |= {name: out[name] for name in kept}


# Against KerasHub: its blocks have the same arrangement but for the projections, which are apart.


def take(theirs, layers, name, norm, attention):
    """Copy the weights of one attention block of KerasHub; returns nothing."""
    parts = [getattr(attention, f"_{part}_dense") for part in ("query", "key", "value")]
    kernels = [np.asarray(part.kernel) for part in parts]
    flat = [kernel.reshape(len(kernel), -1) for kernel in kernels]
    biases = [np.asarray(part.bias).reshape(-1) for part in parts]
    layer, output = layers[name], attention._output_dense
    if hasattr(layer, "qkv"):
        layer.qkv.set_weights([np.concatenate(flat, 1), np.concatenate(biases)])
    else:
        layer.query.set_weights([flat[0], biases[0]])
        layers["memory"].map.set_weights([np.concatenate(flat[1:], 1), np.concatenate(biases[1:])])
    kernel = np.asarray(output.kernel)
    layer.output_projection.set_weights([kernel.reshape(-1, kernel.shape[-1]), output.bias])
    layers[f"{name}_norm"].set_weights(norm.get_weights())


def take_feed_forward(theirs, layers, side):
    layers[f"{side}_0_intermediate"].set_weights(
        theirs._feedforward_intermediate_dense.get_weights()
    )
    layers[f"{side}_0_output"].set_weights(theirs._feedforward_output_dense.get_weights())
    layers[f"{side}_0_output_norm"].set_weights(theirs._feedforward_layer_norm.get_weights())


def filled(block):
    for index, weight in enumerate(block.weights):
        weight.assign(draw(*weight.shape, seed=index) * 0.5)
    return block


@pytest.mark.parametrize("norm", ["pre", "post"])
def test_blocks_equal_those_of_kerashub(norm):
    from keras_hub.layers import TransformerDecoder, TransformerEncoder

    options = {"num_heads": 2, "normalize_first": norm == "pre", "layer_norm_epsilon": 1e-6}
    encoder, decoder = TransformerEncoder(12, **options), TransformerDecoder(12, **options)
    config = small(encoder_layers=1, decoder_layers=1, norm=norm, tie="none")
    model = build(config)
    layers = _seq2seq.by_name(model)
    embedded = {}
    for side, name in (("source", "token_ids"), ("target", "target_ids")):
        vectors = layers[f"{side}_embeddings"](features()[name])
        embedded[side] = layers[f"{side}_positions"](vectors)
    encoder(embedded["source"], padding_mask=MASK)
    decoder(embedded["target"], embedded["source"])
    filled(encoder), filled(decoder)
    take(
        encoder,
        layers,
        "encoder_0_attention",
        encoder._self_attention_layer_norm,
        encoder._self_attention_layer,
    )
    take_feed_forward(encoder, layers, "encoder")
    take(
        decoder,
        layers,
        "decoder_0_attention",
        decoder._self_attention_layer_norm,
        decoder._self_attention_layer,
    )
    take(
        decoder,
        layers,
        "decoder_0_cross",
        decoder._cross_attention_layer_norm,
        decoder._cross_attention_layer,
    )
    take_feed_forward(decoder, layers, "decoder")

    def last(x, side):
        return layers[f"{side}_norm"](x) if norm == "pre" else x

    memory = last(encoder(embedded["source"], padding_mask=MASK), "encoder")
    decoded = decoder(embedded["target"], memory, encoder_padding_mask=MASK)
    expected = layers["projection"](last(decoded, "decoder"))
    np.testing.assert_allclose(logits(model, features()), expected, atol=1e-4)


def test_sinusoids_are_those_of_kerashub():
    from keras_hub.layers import SinePositionEncoding

    from tfapps.layers.positions import Positions

    x = draw(2, 7, 6)
    expected = np.asarray(SinePositionEncoding()(x)) + x * 6**0.5
    np.testing.assert_allclose(Positions(9)(x), expected, atol=1e-5)
    place = ops.convert_to_tensor(np.array([3, 5], "int32"))
    np.testing.assert_allclose(
        Positions(9)(x[:, :1], place)[0, 0],
        expected[0, 3] + (x[0, 0] - x[0, 3]) * 6**0.5,
        atol=1e-5,
    )
    with pytest.raises(ValueError, match="positions: got 'rotary', expected one of sinusoidal"):
        Positions(9, "rotary")


def test_configs_come_back():
    from tfapps.layers.causal_attention import CausalAttention
    from tfapps.layers.causal_bias import CausalBias
    from tfapps.layers.cross_attention import CrossAttention
    from tfapps.layers.empty_cache import EmptyCache
    from tfapps.layers.memory_heads import MemoryHeads
    from tfapps.layers.positions import Positions

    bits = {"weight_bits": 8, "activation_bits": 8, "per_channel": False, "quantize_input": False}
    for layer in (
        CausalAttention(2, 3, 0.1, "zeros", 7, quantize_scores=True, equalize=True, **bits),
        CrossAttention(2, 3, 0.1, "zeros", 7, quantize_scores=True, equalize=True, **bits),
        MemoryHeads(3, 2, 5, "zeros", equalize=True, **bits),
        EmptyCache(3, 2, 5, 9),
        Positions(9, "learned"),
        CausalBias(-30.0),
    ):
        config = keras.saving.serialize_keras_object(layer)
        assert config["registered_name"] == f"tfapps>{type(layer).__name__}"
        again = keras.saving.deserialize_keras_object(config)
        assert again.get_config() == layer.get_config()
        assert not hasattr(layer, "layers")  # what has that is taken for a nested model
