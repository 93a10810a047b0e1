import keras
import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from tfapps.errors import InputError
from tfapps.graph import weights


def model(units=3, name="second", dtype=None):
    x = keras.Input((4,))
    y = keras.layers.Dense(5, name="first", dtype=dtype)(x)
    y = keras.layers.BatchNormalization(name="norm", dtype=dtype)(y)
    y = keras.layers.Dropout(0.5, name="dropout")(y)
    return keras.Model(x, keras.layers.Dense(units, name=name, dtype=dtype)(y))


def test_round_trip_of_every_weight(tmp_path):
    source, target = model(), model()
    source.get_layer("norm").moving_mean.assign(np.arange(5))
    weights.save(source, tmp_path / "w.safetensors")
    stored = load_file(tmp_path / "w.safetensors")
    assert "norm/moving_mean" in stored  # a weight, though not a trainable one
    assert not any("seed" in name for name in stored)
    assert {array.dtype for array in stored.values()} == {np.dtype("float32")}
    weights.load(target, tmp_path / "w.safetensors")
    x = np.ones((2, 4), "float32")
    np.testing.assert_array_equal(source(x), target(x))


def test_half_precision_is_stored_as_float32(tmp_path):
    source = model(dtype="bfloat16")
    weights.save(source, tmp_path / "w.safetensors")
    stored = load_file(tmp_path / "w.safetensors")["first/kernel"]
    assert stored.dtype == np.float32
    expected = keras.ops.cast(source.get_layer("first").kernel, "float32")
    np.testing.assert_array_equal(stored, expected)
    weights.load(model(dtype="bfloat16"), tmp_path / "w.safetensors")


def test_same_bytes_every_time(tmp_path):
    source = model()
    for name in "ab":
        weights.save(source, tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_missing_and_unexpected_and_misshapen_are_named(tmp_path):
    path = tmp_path / "w.safetensors"
    weights.save(model(), path)
    with pytest.raises(InputError, match=r"missing: other/bias, other/kernel"):
        weights.load(model(name="other"), path)
    with pytest.raises(InputError, match=r"wrong shape: second/kernel \(5, 3\), expected \(5, 2\)"):
        weights.load(model(units=2), path)
    save_file({**load_file(path), "extra": np.zeros(1, "float32")}, path)
    with pytest.raises(InputError, match="unexpected: extra; the file belongs to another config"):
        weights.load(model(), path)


def test_a_refused_file_changes_nothing(tmp_path):
    path = tmp_path / "w.safetensors"
    weights.save(model(units=2), path)
    target = model()
    before = target.get_weights()
    with pytest.raises(InputError):
        weights.load(target, path)
    for old, new in zip(before, target.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_unreadable_files(tmp_path):
    with pytest.raises(InputError, match="no weights file at"):
        weights.load(model(), tmp_path / "none")
    (tmp_path / "bad").write_bytes(b"\x00" * 20)
    with pytest.raises(InputError, match="cannot read weights"):
        weights.load(model(), tmp_path / "bad")
    with pytest.raises(InputError, match="cannot write"):
        weights.save(model(), tmp_path / "no" / "folder")


def test_truncated_file(tmp_path):
    path = tmp_path / "w.safetensors"
    weights.save(model(), path)
    path.write_bytes(path.read_bytes()[:-8])
    with pytest.raises(InputError, match="cannot read weights"):
        weights.load(model(), path)


class Twice(keras.layers.Layer):
    def build(self, input_shape):
        self.one = self.add_weight(name="same", shape=(1,))
        self.two = self.add_weight(name="same", shape=(1,))

    def call(self, x):
        return x + self.one + self.two


def test_two_weights_of_one_path_are_refused(tmp_path):
    x = keras.Input((4,))
    clash = keras.Model(x, Twice(name="layer")(x))
    with pytest.raises(ValueError, match="two weights are called layer/same"):
        weights.save(clash, tmp_path / "w.safetensors")
