"""What the README shows runs."""

import re

import keras
import numpy as np
from running import ROOT

import tfapps
from tfapps.backends import litert


def example(phrase):
    """The Python block of the README that holds a phrase."""
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    (actual,) = [block for block in blocks if phrase in block]
    return actual


def test_a_model_of_ones_own_ends_in_a_verified_integer_file(tmp_path, monkeypatch, capsys):
    keras.utils.set_random_seed(1)
    rows = np.random.default_rng(0).normal(size=(32, 12)).astype("float32")
    model = keras.Sequential(
        [keras.Input((12,)), keras.layers.Dense(64, "relu"), keras.layers.Dense(3)]
    )
    monkeypatch.chdir(tmp_path)
    names = {"tfapps": tfapps, "model": model, "x_test": rows, "y_test": rows[:, :3].argmax(-1)}
    exec(compile(example("tfapps.quantize"), "README.md", "exec"), names)
    assert capsys.readouterr().out.splitlines()[-1].startswith("int8 ")
    operators = litert.operators(tmp_path / "files" / "int8.tflite")
    assert operators == ["QUANTIZE", "FULLY_CONNECTED", "FULLY_CONNECTED", "DEQUANTIZE"]
