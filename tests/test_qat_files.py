"""Quantization-aware training: the integer files are what was trained."""

import numpy as np
import pytest
import tflite_weights
from asking import form_of
from qat_models import LENGTH, given, ready, rebuilt, rows

from tfapps.backends.litert import interpreter, operators, partitions
from tfapps.compress import qat
from tfapps.export import edge_quantizer, litert
from tfapps.export.parts import integers
from tfapps.layers.linear import Linear


def kernels(model):
    """Kernels as they were trained: on their grids, transposed as LiteRT keeps them."""
    integers.bake(model)
    for layer in model._flatten_layers():
        if isinstance(layer, Linear):
            kernel, output = np.asarray(layer.kernel), layer.output_range
            if output is not None and output.equalize:
                kernel = kernel / np.asarray(output.gain)
            yield kernel.T


def matrices(path, op="FULLY_CONNECTED"):
    return [weight for weight in tflite_weights.weights(path) if weight.op == op]


def same_grid(actual, expected):
    """Every kernel is in the file, exactly."""
    expected = list(expected)
    assert expected
    for kernel in expected:
        assert any(
            weight.real.shape == kernel.shape and np.allclose(weight.real, kernel, atol=1e-7)
            for weight in actual
        )


@pytest.fixture(scope="module")
def int8(tmp_path_factory):
    """The integer file of a quantized BERT, and the model."""
    folder, model = tmp_path_factory.mktemp("int8"), ready()
    qat.settle(model)
    litert.export(
        ["litert_int8"],
        rebuild=rebuilt(model),
        max_length=LENGTH,
        calibration=[rows(8)],
        folder=folder,
    )
    return folder / "litert" / "int8.tflite", model


def test_the_integer_file_has_the_trained_kernels_and_tables(int8):
    path, model = int8
    actual = matrices(path)
    assert {weight.bits for weight in actual} == {8}
    assert len(actual) == 2 * 4 + 1
    same_grid(actual, kernels(rebuilt(model)(None, None)))
    (table,) = matrices(path, "EMBEDDING_LOOKUP")
    assert table.bits == 8
    baked = rebuilt(model)(None, None)
    integers.bake(baked)
    np.testing.assert_allclose(table.real, baked.get_layer("embeddings").token, atol=1e-7)


def test_the_integer_file_is_one_delegate_partition_with_integer_products(int8):
    path, _ = int8
    assert partitions(path) == 1
    assert operators(path).count("GELU") == 2
    session = interpreter(path, delegate=False)
    details = {d["index"]: d for d in session.get_tensor_details()}
    for op in session._get_ops_details():
        if op["op_name"] == "FULLY_CONNECTED":
            assert {details[i]["dtype"] for i in op["outputs"]} == {np.int8}


def test_the_integer_file_answers_as_the_model(int8):
    path, model = int8
    data = given(model)
    expected = model.predict_on_batch(data)
    logits = form_of(path)(data)
    assert np.abs(logits - expected).max() < 0.1 * np.ptp(expected)
    # With 64 random rows near ties are rare but there.
    assert (logits.argmax(-1) == expected.argmax(-1)).mean() >= 0.95


def test_four_bits_come_out_as_they_were_trained(tmp_path):
    settings = {"layers": 1, "weight_bits": 4, "activation_bits": None, "embedding_bits": 4}
    model = ready(**settings)
    qat.settle(model)
    edge_quantizer.export(
        ["litert_int4", "litert_int4e"],
        rebuild=rebuilt(model, **settings),
        max_length=LENGTH,
        folder=tmp_path,
    )
    actual = matrices(tmp_path / "litert" / "int4.tflite")
    assert {weight.bits for weight in actual} == {4}
    same_grid(actual, kernels(rebuilt(model, **settings)(None, None)))
    tables = matrices(tmp_path / "litert" / "int4e.tflite", "EMBEDDING_LOOKUP")
    baked = rebuilt(model, **settings)(None, None)
    integers.bake(baked)
    assert tables[0].bits == 4
    np.testing.assert_allclose(tables[0].real, baked.get_layer("embeddings").token, atol=1e-7)
