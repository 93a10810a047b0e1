"""What the README shows runs."""

import re

import keras
import numpy as np
from running import ROOT


def example(phrase):
    """The Python block of the README that holds a phrase."""
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    (actual,) = [block for block in blocks if phrase in block]
    return actual


def test_a_model_of_ones_own_is_compressed_in_three_lines():
    keras.utils.set_random_seed(1)
    random = np.random.default_rng(0)
    ids = random.integers(0, 1000, (96, 32)).astype("int32")
    names = {"features": {"token_ids": ids}, "labels": ids[:, 0] % 3}
    exec(compile(example("qat.quantize"), "README.md", "exec"), names)
    expected, logits = (
        names[name].predict_on_batch({"token_ids": ids}) for name in ("model", "small")
    )
    kernel = np.asarray(names["small"].get_layer("hidden").kernel)
    steps = kernel / (np.abs(kernel).max(axis=0) / 127)
    np.testing.assert_allclose(steps, steps.round(), atol=1e-3)
    assert (logits.argmax(-1) == expected.argmax(-1)).mean() > 0.8
