import itertools
import subprocess
import sys

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
    edge_file,
    features,
    fill,
    logits,
    paths,
    split,
    stepped,
)

from tfapps.compress import qat
from tfapps.errors import InputError
from tfapps.graph.clone import clone
from tfapps.models import seq2seq_lstm

OPTIONS = [
    {"attention": attention, "input_feeding": fed, "tie": tie, "decoder_layers": layers}
    for (attention, fed), (tie, layers) in itertools.product(
        itertools.product(("dot", "additive"), (False, True)),
        (("none", 1), ("target_output", 2), ("all", 2)),
    )
]
SETS = {"-".join(map(str, options.values())): options for options in OPTIONS}
FEW = ["dot-False-none-1", "additive-True-all-2"]
QUICK = [*FEW, "dot-True-target_output-2", "additive-False-none-1"]  # every value of every option


def small(**options):
    return seq2seq_lstm.Config(
        **{"embedding_size": 6, "units": 8, "encoder_layers": 1, "max_length": LENGTH, **options}
    )


def build(config, **sizes):
    return fill(seq2seq_lstm.build(config, vocabulary_size=WORDS, **sizes))


def test_importing_the_module_imports_no_keras():
    code = "import sys, tfapps.models.seq2seq_lstm; sys.exit('keras' in sys.modules)"
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
    config = small(**SETS[name])
    check_steps(seq2seq_lstm, config, build(config, **sizes))


def test_steps_follow_an_encoder_of_two_layers():
    config = small(encoder_layers=2)
    check_steps(seq2seq_lstm, config, build(config))


@pytest.mark.parametrize("fed", [False, True])
def test_a_batch_as_large_as_the_texts_are_long_is_no_special_case(fed):
    config = small(input_feeding=fed)
    model = build(config, batch_size=ROWS, length=LENGTH)
    square = build(config, batch_size=LENGTH, length=LENGTH)
    copies = LENGTH // ROWS
    inputs = {name: np.repeat(value, copies, axis=0) for name, value in features().items()}
    np.testing.assert_allclose(
        logits(square, inputs), np.repeat(logits(model, features()), copies, axis=0), atol=1e-5
    )


@pytest.mark.parametrize("fed", [False, True])
def test_logits_depend_on_earlier_tokens_only(fed):
    check_causal(build(small(input_feeding=fed)))


@pytest.mark.parametrize("name", QUICK)
def test_every_weight_learns(name):
    check_learns(build(small(**SETS[name], variational=SETS[name]["tie"] == "all")))


def test_input_feeding_distinguishes_steps_that_read_the_same():
    inputs = {**features(), "target_ids": np.full((ROWS, LENGTH), 3, "int32")}
    config = small(input_feeding=True)
    model = build(config)
    encoded = seq2seq_lstm.encoder_of(model)({k: inputs[k] for k in ("token_ids", "padding_mask")})
    states, context = split(seq2seq_lstm, config, encoded)
    step = seq2seq_lstm.step_of(model)
    token_ids = ops.convert_to_tensor(inputs["target_ids"][:, 0])
    first = step({"token_ids": token_ids, **states, **context})
    states["fed"] = first["fed"]
    second = step({"token_ids": token_ids, **states, **context})
    assert np.abs(first["logits"] - second["logits"]).max() > 1e-2


def test_steps_follow_a_clone():
    config = small(input_feeding=True, tie="all")
    model = build(config)
    copy = clone(model, lambda layer: {})
    fill(copy, 0.3)
    assert np.abs(logits(model, features()) - logits(copy, features())).max() > 0.1
    check_steps(seq2seq_lstm, config, copy)


FED = {"input_feeding": True, "attention": "additive"}


@pytest.mark.parametrize(
    ("options", "activations"),
    [
        ({}, "products"),
        (FED, "all"),
        pytest.param({}, "all", marks=pytest.mark.slow),
        pytest.param(FED, "products", marks=pytest.mark.slow),
    ],
)
def test_steps_of_a_quantized_model_are_those_of_its_training_graph(options, activations):
    config = small(**options, tie="all", decoder_layers=1)
    plain = build(config)
    model = qat.quantize(plain, activations=activations)
    qat.calibrate(model, [features()])
    full = logits(model, features())
    distance = np.abs(full - logits(plain, features())).max()
    assert 1e-3 < distance < 1.0
    each, _ = stepped(seq2seq_lstm, config, model, features())
    # Values next to a boundary may fall on either side of it.
    assert np.quantile(np.abs(each - full), 0.9) < 1e-4
    kernels = [path for path in paths(plain) if path.endswith("kernel")]
    ranges = [path for path in paths(model) if "kernel_range/low" in path]
    ranges += [path for path in paths(model) if "recurrent_range/low" in path]
    assert len(ranges) == len(kernels)


def test_a_quantized_model_learns():
    model = qat.quantize(build(small(input_feeding=True, tie="all", decoder_layers=1)))
    qat.calibrate(model, [features()])
    check_learns(model)


@pytest.mark.parametrize("tie", ["none", "all"])
def test_a_task_may_name_the_logits(tie):
    config = small(tie=tie)
    check_named_logits(seq2seq_lstm, config, build(config))


def test_weight_paths_are_unique_and_stable():
    config = small(encoder_layers=2, decoder_layers=2, tie="none")
    actual = paths(build(config))
    assert actual == paths(build(config, batch_size=2, length=5))
    assert len(set(actual)) == len(actual)
    cell = [f"lstm_cell/{part}" for part in ("kernel", "recurrent_kernel", "bias")]
    assert set(actual) == {
        "source_embeddings/embeddings",
        "target_embeddings/embeddings",
        *[f"encoder_{i}/{d}/{p}" for i in (0, 1) for d in ("forward", "backward") for p in cell],
        *[f"decoder_{i}/{p}" for i in (0, 1) for p in cell],
        *[
            f"{layer}/{part}"
            for layer in ("bridge/map", "merge", "projection")
            for part in ("kernel", "bias")
        ],
        "memory_keys/kernel",
    }
    fed = paths(build(small(input_feeding=True, tie="all", attention="additive")))
    assert [path for path in fed if path.startswith(("decoder", "embeddings"))] == [
        "embeddings/embeddings",
        "embeddings/bias",
        *[f"decoder/lstm_0/{part}" for part in cell],
        "decoder/feed/kernel",
        "decoder/merge/kernel",
        "decoder/merge/bias",
        "decoder/attention/score",
        "decoder/attention/query/kernel",
    ]


def test_vocabularies_may_differ():
    config = small(tie="target_output")
    model = seq2seq_lstm.build(config, vocabulary_size=WORDS, target_vocabulary_size=31)
    assert model.output["logits"].shape == (None, None, 31)
    assert model.get_layer("source_embeddings").input_dim == WORDS
    with pytest.raises(InputError, match="tie: got all, but the vocabularies have 20 and 31"):
        seq2seq_lstm.build(small(tie="all"), vocabulary_size=WORDS, target_vocabulary_size=31)


def test_an_odd_width_has_no_two_directions():
    with pytest.raises(ValueError, match="units: got 7, expected an even number"):
        small(units=7)


@pytest.mark.parametrize("fed", [False, True])
def test_dropout_acts_in_training_only(fed):
    model = build(small(input_feeding=fed, decoder_layers=2))
    plain = logits(model, features())
    np.testing.assert_array_equal(plain, logits(model, features()))
    drawn = [model(features(), training=True)["logits"] for _ in range(2)]
    assert np.abs(drawn[0] - plain).max() > 1e-2
    assert np.abs(drawn[0] - drawn[1]).max() > 1e-2


@pytest.mark.parametrize(
    ("policy", "fed"),
    [
        ("mixed_bfloat16", True),
        ("mixed_float16", False),
        pytest.param("mixed_bfloat16", False, marks=pytest.mark.slow),
        pytest.param("mixed_float16", True, marks=pytest.mark.slow),
    ],
)
def test_mixed_precision(policy, fed):
    config = small(input_feeding=fed)
    check_mixed_precision(lambda: fill(build(config), 0.2), policy)


@pytest.mark.parametrize(
    ("options", "encoder"),
    [
        (FED, "keras"),
        *[pytest.param(options, "file", marks=pytest.mark.slow) for options in ({}, FED)],
    ],
)
def test_encoder_and_step_export_to_builtins(tmp_path, options, encoder):
    config = small(**options)
    model = build(config, batch_size=1, length=LENGTH)
    encoder_model = seq2seq_lstm.encoder_of(model)
    read = seq2seq_lstm.context(config) + seq2seq_lstm.states(config)
    if encoder == "file":
        encode, _ = edge_file(encoder_model, read, tmp_path / "a")
    else:  # whose file test_translation.py holds against the model, with those of plain steps

        def encode(**inputs):
            return {name: np.asarray(value) for name, value in encoder_model(inputs).items()}

    names = ("logits", "attention", *seq2seq_lstm.states(config))
    step, operations = edge_file(seq2seq_lstm.step_of(model), names, tmp_path / "b")
    assert "WHILE" not in operations
    row = {name: value[1:2] for name, value in features().items()}
    full = logits(model, row)
    read = encode(token_ids=row["token_ids"], padding_mask=MASK[1:2])
    for place in range(LENGTH):
        out = step(token_ids=row["target_ids"][:, place], **read)
        np.testing.assert_allclose(out["logits"], full[:, place], atol=1e-5)
        read |= {name: out[name] for name in seq2seq_lstm.states(config)}
