"""litert-quantizer's files: the weights are the grid of the model's own, and the file runs."""

from __future__ import annotations

import sys

import export_models as models
import gather_files
import numpy as np
import pytest
import tflite_weights
from asking import form_of, same_as_interpreter

from tfapps.backends.litert import interpreter, partitions
from tfapps.errors import Failure, InputError
from tfapps.export import edge_quantizer, litert
from tfapps.models import bert

LENGTH = models.LENGTH
# bits of matrices, bits of tables
BITS = {"int4": (4, 8), "int4e": (4, 4), "aeq_dynamic": (8, 8), "aeq_int8": (8, 8)}


def encoder(batch_size=None, length=None, *, on_grid=False):
    """The project's own encoder with a linear head; `on_grid` puts its kernels on a 4-bit grid."""
    import keras

    from tfapps.layers.linear import Linear

    keras.utils.set_random_seed(5)
    config = bert.Config(size="tiny", max_length=LENGTH, dropout=0.0)
    body = bert.build(
        config, vocabulary_size=models.VOCABULARY, batch_size=batch_size, length=length
    )
    logits = Linear(models.CLASSES, name="logits")
    model = keras.Model(body.input, logits(body.output["pooled"]))
    random = np.random.default_rng(1)
    for variable in model.weights:
        name = variable.path.rpartition("/")[2]
        if name == "gamma":  # ones would hide a gamma that is folded into the weights
            variable.assign(random.uniform(0.5, 2, variable.shape))
        elif on_grid and name in ("kernel", "token"):
            axis = 1 if name == "kernel" else 0
            variable.assign(grid(np.asarray(variable).shape, axis, random))
    return model


def grid(shape, axis, random):
    """Integers -7..7 times an odd scale for each index of `axis`, every one reaching 7."""
    values = random.integers(-7, 8, shape)
    np.moveaxis(values, axis, 0)[:, 0] = random.choice([-7, 7], shape[axis])
    scales = random.uniform(0.01, 0.2, shape[axis]).astype(np.float32)
    return (np.moveaxis(values, axis, -1) * scales).astype(np.float32).swapaxes(axis, -1)


def rounded(matrix, bits):
    """The law: scale = max|w| / (2^(bits-1) - 1) of each row, nearest integers."""
    top = np.float32(2 ** (bits - 1) - 1)
    scales = np.abs(matrix).max(axis=1) / top
    return np.rint(matrix / scales[:, None]).astype(np.int8), scales


def calibration():
    rows = models.features(40, seed=4)
    return [{**rows, "segment_ids": np.zeros_like(rows["token_ids"])}]


def features(rows=60):
    columns = models.features(rows)
    return {**columns, "segment_ids": np.zeros_like(columns["token_ids"])}


def export(names, rebuild, folder, calibration=()):
    edge_quantizer.export(
        names, rebuild=rebuild, max_length=LENGTH, calibration=calibration, folder=folder
    )
    return folder / "litert"


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("encoder")
    litert.export(["litert_float32"], rebuild=encoder, max_length=LENGTH, folder=folder)
    return export(edge_quantizer.ARTIFACTS, encoder, folder, calibration())


@pytest.fixture(scope="module")
def recurrent(tmp_path_factory):
    rows = [models.features(40, seed=4)]
    folder = tmp_path_factory.mktemp("recurrent")
    return export(edge_quantizer.ARTIFACTS, models.recurrent, folder, rows)


def kernels(model):
    """Matrices (out, in) in the order of the graph, then the token table."""
    paths = {v.path: np.asarray(v) for v in model.weights}
    actual = [value.T for path, value in paths.items() if path.endswith("kernel")]
    return actual, next(value for path, value in paths.items() if path.endswith("/token"))


def on_the_grid_of(kind):
    """The encoder with the weights that a file of this kind holds."""
    model = encoder()
    for variable in model.weights:
        value = np.asarray(variable)
        if variable.path.endswith("kernel"):
            values, scales = rounded(value.T, BITS[kind][0])
            variable.assign((values * scales[:, None]).T)
        elif variable.path.endswith("/token"):
            values, scales = rounded(value, BITS[kind][1])
            variable.assign(values * scales[:, None])
    return model


def find(stored, matrix):
    """The stored weight nearest to a matrix of the model: one of its shape must be near."""
    same = [w for w in stored if w.values.shape == matrix.shape]
    errors = [np.abs(w.real - matrix).max() for w in same]
    return same[int(np.argmin(errors))]


def test_the_float_file_holds_the_matrices_of_the_model_untouched(files):
    stored = tflite_weights.weights(files / "float32.tflite")
    matrices, table = kernels(encoder())
    for matrix in (*matrices, table):
        np.testing.assert_array_equal(find(stored, matrix).values, matrix)


@pytest.mark.parametrize("kind", BITS)
def test_weights_are_the_float_weights_rounded_to_the_grid(files, kind):
    stored = tflite_weights.weights(files / f"{kind}.tflite")
    matrices, table = kernels(encoder())
    assert sum(w.op == "FULLY_CONNECTED" for w in stored) == len(matrices)
    expected = [("FULLY_CONNECTED", BITS[kind][0], m) for m in matrices]
    for op, bits, matrix in [*expected, ("EMBEDDING_LOOKUP", BITS[kind][1], table)]:
        actual = find([w for w in stored if w.op == op], matrix)
        values, scales = rounded(matrix, bits)
        assert actual.bits == bits
        np.testing.assert_array_equal(actual.values, values)
        np.testing.assert_array_equal(actual.scales, scales)


def test_weights_on_the_grid_come_back_as_they_were(tmp_path, capfd):
    def rebuild(batch_size=None, length=None):
        return encoder(batch_size, length, on_grid=True)

    folder = export(["litert_int4", "litert_int4e"], rebuild, tmp_path)
    assert capfd.readouterr().out == ""
    matrices, table = kernels(rebuild())
    for name in ("int4", "int4e"):
        stored = tflite_weights.weights(folder / f"{name}.tflite")
        for matrix in [*matrices, table] if name == "int4e" else matrices:
            # Two roundings: the scale is max|w| / 7, the weight its multiple.
            np.testing.assert_allclose(find(stored, matrix).real, matrix, rtol=2.4e-7, atol=0)


def table(batch_size=None, length=None):
    """Ids -> rows of an embedding table."""
    import keras

    keras.utils.set_random_seed(2)
    inputs = keras.Input((length,), batch_size=batch_size, dtype="int32", name="token_ids")
    embed = keras.layers.Embedding(models.VOCABULARY, 34, name="table")
    return keras.Model({"token_ids": inputs}, embed(inputs))


def product(batch_size=None, length=None):
    """Ids as numbers -> a matrix product; its odd width leaves half a byte at the end of a row."""
    import keras

    from tfapps.layers.linear import Linear

    keras.utils.set_random_seed(2)
    inputs = keras.Input((LENGTH,), batch_size=batch_size, dtype="int32", name="token_ids")
    x = keras.ops.cast(inputs[:, :-1], "float32")
    return keras.Model({"token_ids": inputs}, Linear(5, name="linear")(x))


@pytest.fixture(scope="module")
def parts(tmp_path_factory):
    folder = tmp_path_factory.mktemp("parts")
    export(["litert_int4", "litert_int4e"], table, folder / "table")
    export(["litert_int4"], product, folder / "product")
    return folder


@pytest.mark.parametrize("delegate", [True, False])
@pytest.mark.parametrize("kind", ["int4", "int4e"])
def test_a_table_is_read_with_the_scale_of_its_row(parts, kind, delegate):
    values, scales = rounded(np.asarray(table().get_layer("table").embeddings), BITS[kind][1])
    run = interpreter(parts / "table" / "litert" / f"{kind}.tflite", delegate=delegate)
    ids = np.arange(models.VOCABULARY, dtype=np.int32).reshape(-1, LENGTH)
    read = [run.get_signature_runner()(token_ids=row[None])["logits"][0] for row in ids]
    expected = values.astype(np.float32) * scales[:, None]
    np.testing.assert_array_equal(np.concatenate(read), expected)


@pytest.mark.parametrize("delegate", [True, False])
def test_a_product_is_that_of_the_rounded_weights(parts, delegate):
    values, scales = rounded(np.asarray(product().get_layer("linear").kernel).T, 4)
    run = interpreter(parts / "product" / "litert" / "int4.tflite", delegate=delegate)
    row = np.random.default_rng(0).integers(-50, 50, (1, LENGTH)).astype(np.int32)
    weights = values.astype(np.float32) * scales[:, None]
    # The inputs are rounded to int8 on the way: half a step of at most max / 127 each.
    bound = 0.5 * np.abs(row).max() / 127 * np.abs(weights).sum(axis=1)
    logits = run.get_signature_runner()(token_ids=row)["logits"]
    assert (np.abs(logits - row[:, :-1] @ weights.T) <= bound + 1e-4).all()


@pytest.mark.parametrize("kind", BITS)
def test_files_agree_with_the_model_in_one_partition(files, kind):
    columns = features()
    logits = form_of(files / f"{kind}.tflite")(columns)
    expected = np.asarray(on_the_grid_of(kind)(columns))
    assert logits.dtype == np.float32
    assert (logits.argmax(-1) == expected.argmax(-1)).mean() >= 0.9
    if kind != "aeq_int8":  # its ranges are those of the calibration
        np.testing.assert_allclose(logits, expected, atol=0.03 * np.abs(expected).max())
    assert partitions(files / f"{kind}.tflite") == 1
    same_as_interpreter(files / f"{kind}.tflite")


def test_fewer_bits_are_smaller_files(files):
    sizes = [
        (files / f"{kind}.tflite").stat().st_size
        for kind in ("int4e", "int4", "aeq_dynamic", "float32")
    ]
    assert sizes == sorted(sizes)
    assert sizes[1] < 0.2 * sizes[3]


@pytest.mark.parametrize("kind", BITS)
def test_an_lstm_stays_float_while_the_rest_is_quantized(recurrent, kind):
    path = recurrent / f"{kind}.tflite"
    session = interpreter(path, delegate=False)
    details = {d["index"]: d for d in session.get_tensor_details()}
    lstm = next(
        op for op in session._get_ops_details() if op["op_name"] == "UNIDIRECTIONAL_SEQUENCE_LSTM"
    )
    assert {details[i]["dtype"] for i in lstm["inputs"] if i >= 0} == {np.float32}
    assert {(w.op, w.bits) for w in tflite_weights.weights(path)} == {
        ("FULLY_CONNECTED", BITS[kind][0]),
        ("EMBEDDING_LOOKUP", BITS[kind][1]),
    }
    columns = models.features(60)
    expected = np.asarray(models.recurrent()(columns))
    agreement = (form_of(path)(columns).argmax(-1) == expected.argmax(-1)).mean()
    assert agreement >= 0.85


def test_static_int8_without_calibration_is_an_input_error(tmp_path):
    with pytest.raises(InputError, match="litert_aeq_int8 needs calibration batches, got none"):
        export(["litert_aeq_int8"], encoder, tmp_path)
    assert not (tmp_path / "litert").exists()


def test_nothing_is_built_when_nothing_is_asked_for(tmp_path):
    def rebuild(batch_size, length):
        raise AssertionError("not asked for")

    edge_quantizer.export(["saved_model"], rebuild=rebuild, max_length=LENGTH, folder=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_crash_of_the_quantizer_is_a_failure_with_its_last_line(tmp_path, monkeypatch, no_child):
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\necho rounding >&2; kill -SEGV $$\n")
    python.chmod(0o755)
    monkeypatch.setattr(edge_quantizer, "_float_file", lambda *_: tmp_path / "float32.tflite")
    monkeypatch.setattr(sys, "executable", str(python))
    with pytest.raises(Failure, match=r"export of litert_int4 failed: .*SIGSEGV.*: rounding"):
        export(["litert_int4"], encoder, tmp_path)
    assert not (tmp_path / "litert").exists()


def test_four_bit_tables_of_odd_width_are_an_input_error(tmp_path, monkeypatch):
    source = tmp_path / "float32.tflite"
    source.write_bytes(gather_files.lookup(width=33))
    monkeypatch.setattr(edge_quantizer, "_float_file", lambda *_: source)
    with pytest.raises(InputError, match="litert_int4e: got embeddings of width 33"):
        export(["litert_int4e"], encoder, tmp_path)
    assert not (tmp_path / "litert").exists()


def test_the_exporter_imports_no_quantizer():
    import subprocess
    from pathlib import Path

    program = (
        "import sys, tfapps.export.edge_quantizer, tfapps.export.parts.embedding\n"
        "assert not {'tensorflow', 'keras', 'litert_quantizer'} & set(sys.modules)"
    )
    root = Path(__file__).resolve().parents[1]
    subprocess.run([sys.executable, "-c", program], cwd=root, check=True)
