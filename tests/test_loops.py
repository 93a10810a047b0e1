"""Recurrent layers whose loops are written out for integer files."""

import keras
import numpy as np
import pytest
from keras import layers

import tfapps
from tfapps.backends import litert
from tfapps.errors import InputError
from tfapps.export.parts import loops

STEPS, WIDTH = 5, 3
ROW = np.random.default_rng(0).normal(size=(1, STEPS, WIDTH)).astype("float32")
PADDED = ROW * (np.arange(STEPS) < 3)[None, :, None]  # what Masking takes out


def behind_a_mask(layer, masked=True):
    keras.utils.set_random_seed(3)
    x = keras.Input((STEPS, WIDTH), name="rows")
    return keras.Model(x, layer(layers.Masking()(x) if masked else x))


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize(
    "make",
    [
        lambda: layers.GRU(4),
        lambda: layers.GRU(4, reset_after=False, return_sequences=True),
        lambda: layers.SimpleRNN(4, go_backwards=True, return_sequences=True),
        lambda: layers.LSTM(4, return_state=True),
        lambda: layers.LSTM(4, return_sequences=True, use_bias=False, activation="sigmoid"),
        lambda: layers.Bidirectional(layers.GRU(4)),
        lambda: layers.Bidirectional(layers.LSTM(4)),
        lambda: layers.RNN([layers.GRUCell(4), layers.LSTMCell(2)], return_sequences=True),
    ],
)
def test_written_out_loops_compute_the_same(make, masked):
    layer = make()
    model = behind_a_mask(layer, masked)
    rows = PADDED if masked else ROW
    expected = keras.tree.flatten(model(rows))
    written_out = []
    loops.unroll(model, written_out)
    outputs = keras.tree.flatten(model(rows))
    assert len(written_out) == 1 + isinstance(layer, layers.Bidirectional)
    assert len(outputs) == len(expected)
    for output, before in zip(outputs, expected, strict=True):
        np.testing.assert_allclose(output, before, atol=1e-6)


def test_zeros_behind_a_mask_have_no_integer_form():
    model = behind_a_mask(layers.Bidirectional(layers.LSTM(4, return_sequences=True)))
    loops.unroll(model, [])
    with pytest.raises(InputError, match="int8: forward_lstm.* behind a mask, .* export dynamic"):
        model(PADDED)


@pytest.mark.slow
@pytest.mark.parametrize("cell", [layers.GRU, layers.SimpleRNN, layers.LSTM])
@pytest.mark.parametrize("masked", [False, True])
def test_files_of_recurrent_layers_have_built_in_ops_only(cell, masked, tmp_path):
    # `convert` fails for any other op.
    model = behind_a_mask(cell(16), masked)
    many = np.random.default_rng(1).normal(size=(100, STEPS, WIDTH)).astype("float32")
    tfapps.export_litert(model, tmp_path, ["float32", "dynamic", "int8"], calibration=many)
    reports = tfapps.verify_litert(model, tmp_path, many)
    assert reports["float32"].largest_difference < 1e-5
    assert reports["int8"].relative_difference < 0.1
    operators = litert.operators(reports["int8"].path)
    fused = cell is layers.LSTM and not masked
    assert ("UNIDIRECTIONAL_SEQUENCE_LSTM" if fused else "FULLY_CONNECTED") in operators
    assert "QUANTIZE" in operators
    assert "WHILE" not in operators
