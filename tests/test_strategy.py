"""One device and replicas: the same fit."""

import json

import numpy as np
import pytest
import tensorflow as tf
from running import on_two_devices

from tfapps.errors import InputError
from tfapps.train.strategy import check_batch_size, make

PROGRAM = """
import io, json, sys
import keras, numpy as np, tensorflow as tf
from fitting import FakeBatches, Task, tiny_model
from tfapps.config.sections import TrainConfig
from tfapps.features.columns import Encoded, Ragged
from tfapps.data.pipeline import Batches
from tfapps.train.evaluation import Evaluation
from tfapps.train.loop import fit
from tfapps import registry
from tfapps.features.feature import tokens
from tfapps.layers.linear import Linear
from tfapps.train.forward import predict
from tfapps.train.strategy import make

def make_batches(case):
    batches = FakeBatches(rows=case.get("rows", 40), batch_size=8, lengths=(4, 6))
    if "batch_tokens" not in case["train"]:
        batches.weights = np.linspace(0.5, 1.5, batches.rows).astype("float32")
        return batches
    rows = [ids[: 1 + number % 6] for number, ids in enumerate(batches.ids)]
    return Batches(
        Encoded({"token_ids": Ragged.from_rows(rows), "label": batches.labels}, 0),
        features=tokens("token_ids", "padding_mask"), targets=("label",),
        batch_size=8, max_length=6,
        batch_tokens=case["train"]["batch_tokens"], multiple=2, buckets=(2, 4, 6),
    )

case = json.loads(sys.argv[1])
chosen = registry.load("objective", case.get("objective", "plain"))
out = {}
for name in ("one_device", "mirrored"):
    keras.mixed_precision.set_dtype_policy(case["train"].get("precision", "float32"))
    keras.utils.set_random_seed(1)
    strategy = make(name)
    batches = make_batches(case)
    with strategy.scope():
        model = tiny_model(case.get("dropout", 0.0), blocks=case.get("blocks", 2), dense=Linear)
        module = registry.load("tuner", case.get("tuner", "full"))
        tuner = module.Tuner
        tuning = module.Config(**case.get("tuning", {}))
        model = tuner.apply(tuning, model)
        steps = 3 * batches.steps_per_epoch
        callbacks = tuner.callbacks(tuning, model, steps)
    norms = []
    values = iter((0.1, 0.2, 0.3))
    history = fit(
        model,
        config=TrainConfig(batch_size=8, learning_rate=0.002, epochs=3, **case["train"]),
        objective=chosen.build(
            chosen.Config(**case.get("settings", {})), Task.loss, task=Task, steps=steps, seed=1
        ),
        callbacks=callbacks,
        batches=batches,
        strategy=strategy,
        evaluate=lambda: Evaluation({"accuracy": next(values)}),
        headline="accuracy",
        stream=io.StringIO(),
    )
    copies = [
        np.ptp([copy.numpy() for copy in strategy.experimental_local_results(v.value)], 0).max()
        for v in model.weights + model.optimizer.variables
    ]
    out[name] = {
        "replicas": strategy.num_replicas_in_sync,
        "losses": [epoch.loss for epoch in history.records],
        "weights": [w.ravel().tolist() for w in model.get_weights()],
        "logits": predict(model, batches, strategy).tolist(),
        "apart": float(max(copies)),
    }
print(json.dumps(out))
"""


def fits(**case):
    actual = on_two_devices(PROGRAM, json.dumps(case))
    assert (actual["one_device"]["replicas"], actual["mirrored"]["replicas"]) == (1, 2)
    return actual["one_device"], actual["mirrored"]


FGM = {"objective": "fgm", "settings": {"epsilon": 0.3}}
ADALORA = {"tuner": "adalora", "tuning": {"rank": 2, "every": 1}}
GRADUAL = {"tuner": "gradual", "objective": "pgd", "settings": {"epsilon": 0.3, "norm": "max"}}
HALF = {"clip_norm": 0.05, "precision": "mixed_float16"}


@pytest.mark.parametrize(
    "case",
    [
        pytest.param(
            {"train": {"clip_norm": 0.05, "l2": 0.01, "weight_decay": 0.1}}, marks=pytest.mark.slow
        ),
        {
            "train": {"clip_norm": 0.05, "accumulate": 3, "l2": 0.01},
            "blocks": 1,
            **FGM,
            **ADALORA,
        },
        pytest.param(
            {"train": {"clip_norm": 0.05, "accumulate": 3, "l2": 0.01}}, marks=pytest.mark.slow
        ),
        pytest.param({"train": {"clip_norm": 0.05, "batch_tokens": 24}}, marks=pytest.mark.slow),
        pytest.param({"train": {"clip_norm": 0.05}, **FGM, **ADALORA}, marks=pytest.mark.slow),
        pytest.param({"train": {"clip_norm": 0.05}, **GRADUAL}, marks=pytest.mark.slow),
        pytest.param({"train": HALF}, marks=pytest.mark.slow),
        pytest.param({"train": HALF, **FGM}, marks=pytest.mark.slow),
    ],
    ids=[
        "clipped",
        "accumulated-tuned",
        "accumulated",
        "tokens",
        "tuned",
        "gradual",
        "float16",
        "fgm-float16",
    ],
)
def test_two_replicas_equal_one_device_with_an_uneven_last_batch(case):
    tolerance = 2e-3 if "precision" in case["train"] else 1e-5
    one, two = fits(rows=35, **case)
    np.testing.assert_allclose(two["losses"], one["losses"], rtol=0, atol=tolerance)
    for left, right in zip(one["weights"], two["weights"], strict=True):
        np.testing.assert_allclose(left, right, rtol=0, atol=2 * tolerance)
    assert np.shape(two["logits"]) == (35, 3)
    np.testing.assert_allclose(two["logits"], one["logits"], rtol=0, atol=10 * tolerance)
    assert two["apart"] == 0


@pytest.mark.slow
@pytest.mark.parametrize("objective", ["plain", "freelb", "vat", "r_drop"])
def test_replicas_stay_alike_with_chance(objective):
    _, two = fits(dropout=0.3, train={}, objective=objective)
    assert two["apart"] == 0
    assert np.isfinite(two["losses"]).all()
    if objective == "plain":  # in three epochs of so few rows the others are still at it
        assert two["losses"][-1] < two["losses"][0]


def test_auto_and_one_device_are_one_replica_without_gpus():
    if len(tf.config.list_logical_devices("GPU")) < 2:
        assert make("auto").num_replicas_in_sync == 1
    assert make("one_device").num_replicas_in_sync == 1


def test_an_unknown_strategy_names_the_known_ones():
    with pytest.raises(InputError, match="got 'tpu', expected one of auto, one_device, mirrored"):
        make("tpu")


def test_a_batch_that_replicas_cannot_share_is_refused():
    class Two:
        num_replicas_in_sync = 2

    check_batch_size(Two(), 8)
    with pytest.raises(InputError, match=r"got 9, expected a multiple of 2, .* try 8"):
        check_batch_size(Two(), 9)
    with pytest.raises(InputError, match=r"got 1, .* try 2"):
        check_batch_size(Two(), 1)
