"""Integer files of models with LSTMs: integer products of all steps, float gates."""

from collections import Counter

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from asking import form_of
from qat_models import LENGTH, classifier, given, ready, rebuilt

from tfapps.compress import qat
from tfapps.export import litert
from tfapps.export.parts import flatbuffer, integers, ranges
from tfapps.layers.fake_quant import in_model
from tfapps.layers.lstm import LSTM

NAMES = {code: name for name, code in vars(schema.BuiltinOperator).items() if isinstance(code, int)}


def operations(path):
    """(name, operator, graph, file) of every operation, by graph."""
    file = flatbuffer.read(path.read_bytes())
    return [
        [(NAMES[file.operatorCodes[op.opcodeIndex].builtinCode], op, graph, file)
         for op in graph.operators]
        for graph in file.subgraphs
    ]  # fmt: skip


def kernels(graph):
    """The matrices of a graph's integer products, as real numbers."""
    for name, op, tensors, file in graph:
        if name != "FULLY_CONNECTED":
            continue
        values, kernel, output = (tensors.tensors[i] for i in (*op.inputs[:2], op.outputs[0]))
        if {values.type, kernel.type, output.type} != {schema.TensorType.INT8}:
            continue
        data = file.buffers[kernel.buffer].data.view(np.int8).reshape(kernel.shape)
        yield data.astype(np.float32) * np.asarray(kernel.quantization.scale)[:, None]


def exported(folder, rebuild, model):
    litert.export(
        ["litert_int8"],
        rebuild=rebuild,
        max_length=LENGTH,
        calibration=[given(model)],
        folder=folder,
    )
    return folder / "litert" / "int8.tflite"


def has_quick_form(path):
    """One product for all inputs of a direction, and a loop of little else than the other."""
    main, *others = operations(path)
    names = Counter(name for name, *_ in main)
    assert names["WHILE"] == 2
    assert len([*kernels(main)]) == 3  # of both directions and of the head
    bodies = [graph for graph in others if any(name == "FULLY_CONNECTED" for name, *_ in graph)]
    assert len(bodies) == 2
    for body in bodies:
        names = Counter(name for name, *_ in body)
        assert len([*kernels(body)]) == 1
        # Without it every step copies all outputs, in pieces of sizes known at run time only.
        assert names["DYNAMIC_UPDATE_SLICE"] == 1
        assert not names["SLICE"]
        assert sum(names.values()) <= 30


def lstms(model):
    return [layer for layer in model._flatten_layers() if isinstance(layer, LSTM)]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    model = ready("bilstm")
    qat.settle(model)
    return exported(tmp_path_factory.mktemp("trained"), rebuilt(model, "bilstm"), model), model


@pytest.fixture(scope="module")
def calibrated(tmp_path_factory):
    """The integer file of a model without quantizers, and the model."""
    model = classifier("bilstm")

    def rebuild(batch_size, length):
        return classifier("bilstm", batch_size, length)

    return exported(tmp_path_factory.mktemp("calibrated"), rebuild, model), model


@pytest.mark.parametrize("kind", ["trained", "calibrated"])
def test_products_are_integers_in_one_call_and_a_short_loop(kind, request):
    path, _ = request.getfixturevalue(kind)
    has_quick_form(path)


def test_the_kernels_are_those_of_the_training(trained):
    path, model = trained
    baked = rebuilt(model, "bilstm")(None, None)
    integers.bake(baked)
    stored = [kernel for graph in operations(path) for kernel in kernels(graph)]
    layers = lstms(baked)
    assert len(layers) == 2
    for layer in layers:
        for kernel in (layer.cell.kernel, layer.cell.recurrent_kernel):
            expected = np.asarray(kernel).T
            assert any(
                actual.shape == expected.shape and np.allclose(actual, expected, atol=1e-6)
                for actual in stored
            )


def test_the_trained_file_answers_as_the_model_for_texts_of_every_length(trained):
    path, model = trained
    data = given(model)
    assert len(set(data["padding_mask"].sum(axis=1))) > LENGTH // 2
    logits, expected = form_of(path)(data), model.predict_on_batch(data)
    np.testing.assert_allclose(logits, expected, atol=0.02 * np.ptp(expected))
    assert (logits.argmax(-1) == expected.argmax(-1)).mean() >= 0.98


def test_the_calibrated_file_answers_as_the_model(calibrated):
    path, model = calibrated
    data = given(model)
    logits, expected = form_of(path)(data), model.predict_on_batch(data)
    np.testing.assert_allclose(logits, expected, atol=0.05 * np.ptp(expected))
    assert (logits.argmax(-1) == expected.argmax(-1)).mean() >= 0.98


def test_what_lies_in_the_padding_changes_nothing(trained):
    path, model = trained
    data = given(model)
    noise = np.where(data["padding_mask"] == 1, data["token_ids"], 7)
    assert (noise != data["token_ids"]).any()
    ask = form_of(path)
    np.testing.assert_array_equal(ask(data), ask({**data, "token_ids": noise}))


def test_calibration_gives_every_layer_ranges_and_trained_models_keep_theirs():
    model = classifier("bilstm")
    rows = given(model)
    result = ranges.of_lstms(
        classifier("bilstm", 1, LENGTH), lambda *sizes: classifier("bilstm", *sizes), rows
    )
    assert integers.rounds_activations(result)
    learned = [*_moving(result)]
    assert len(learned) > 4
    assert (-6.0, 6.0) not in learned  # what they start with
    expected = model(rows)
    logits = result({name: x[:1] for name, x in rows.items()})
    np.testing.assert_allclose(logits, expected[:1], atol=0.05 * np.ptp(expected))
    quantized = ready("bilstm", keep_float=["lstm_*"])
    assert ranges.of_lstms(quantized, lambda *sizes: quantized, rows) is quantized


def test_a_rebuild_of_one_row_is_calibrated_row_by_row():
    fixed = classifier("bilstm", 1, LENGTH)
    rows = {name: x[:2] for name, x in given(classifier("bilstm")).items()}
    expected = ranges.of_lstms(fixed, lambda *sizes: classifier("bilstm", *sizes), rows)
    result = ranges.of_lstms(fixed, lambda *sizes: classifier("bilstm", 1, LENGTH), rows)
    np.testing.assert_allclose([*_moving(result)], [*_moving(expected)], rtol=1e-4)


def _moving(model):
    for quantizer in in_model(model):
        if quantizer.kind == "moving":
            yield float(quantizer.low.numpy()), float(quantizer.high.numpy())


@pytest.mark.parametrize(
    ("settings", "products"),
    [
        ({}, True),
        ({"quantize_products": False}, False),
        ({"activations": "all"}, False),
        ({"activation_bits": None}, False),
    ],
)
def test_only_integer_products_between_float_values_need_ranges(settings, products):
    model = qat.quantize(classifier("bilstm"), **settings)
    assert {layer.quantize_products for layer in lstms(model)} == {products}


def test_plans_of_older_versions_build_the_same_weights():
    model = classifier("bilstm")
    old = qat.build(qat.Config(), model, {"per_channel": True})
    new = qat.build(qat.Config(), model, {"per_channel": True, "quantize_products": True})
    paths = [{weight.path for weight in each.weights} for each in (old, new)]
    assert {path.rpartition("/")[2] for path in paths[1] - paths[0]} == {"low", "high"}
    assert all("product_range" in path for path in paths[1] - paths[0])
    assert paths[0] < paths[1]
