"""A fit that was stopped ends with the weights of one that never was, bit for bit."""

import io
import json
import signal

import keras
import numpy as np
import pytest
from fitting import FakeBatches, Task, least_model, tiny_model

from tfapps import registry
from tfapps.config.sections import TrainConfig
from tfapps.errors import Diverged, Failure
from tfapps.layers.linear import Linear
from tfapps.processes import signals
from tfapps.train import averaging
from tfapps.train.checkpoint import Checkpoint, State
from tfapps.train.evaluation import Evaluation
from tfapps.train.loop import fit
from tfapps.train.strategy import make

STEPS = 15  # of three epochs


class Interrupt(Exception):
    """A process that ends in the middle of everything."""


class StopAt(keras.callbacks.Callback):
    """Ends the fit before step number `at`, as a kill would."""

    def __init__(self, at):
        super().__init__()
        self.at, self.step = at, 0

    def on_train_batch_begin(self, batch, logs=None):
        if self.step == self.at:
            raise Interrupt
        self.step += 1


def fitted(folder, stop=None, seconds=0.0, seed=1, **case):
    """Weights, metrics of all evaluations, TensorBoard's points of a fit."""
    keras.utils.set_random_seed(seed)
    schedule = {"epochs": 3, "batch_size": 8, "learning_rate": 0.01, "log_every": 2}
    config = TrainConfig(**schedule, **case.get("train", {}))
    strategy = make("one_device")
    # One block, but for a tuner that tells blocks apart: graphs are what costs time here.
    model = tiny_model(dropout=0.3, dense=Linear, blocks=2 if "tuner" in case else 1)
    module = registry.load("tuner", case.get("tuner", "full"))
    tuner = module.Tuner
    tuning = module.Config(**case.get("tuning", {}))
    model = tuner.apply(tuning, model)
    callbacks = tuner.callbacks(tuning, model, STEPS)
    callbacks += averaging.callbacks(config, model)
    module = registry.load("objective", case.get("objective", "plain"))
    settings = module.Config(**case.get("settings", {}))
    objective = module.build(settings, Task.loss, task=Task, steps=STEPS, seed=3)

    def evaluate():
        value = float(np.mean([np.abs(w.numpy()).mean() for w in model.trainable_variables]))
        return Evaluation({"accuracy": value % 0.01})

    history = fit(
        model,
        config=config,
        objective=objective,
        batches=FakeBatches(),
        strategy=strategy,
        evaluate=evaluate,
        headline="accuracy",
        callbacks=[*callbacks, *([StopAt(stop)] if stop is not None else [])],
        log_dir=folder / "logs",
        checkpoint=Checkpoint(folder / "state", json.dumps(case), seconds),
        stream=io.StringIO(),
    )
    records = [(r.epoch, r.step, r.loss, r.metrics["accuracy"]) for r in history.records]
    return [w.numpy() for w in model.weights], records, points(folder / "logs")


def points(folder):
    """Every scalar that was written, (tag, step, value), in order."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.util import tensor_util

    events = EventAccumulator(str(folder))
    events.Reload()
    actual = []
    for tag in events.Tags()["tensors"]:
        for event in events.Tensors(tag):
            value = tensor_util.make_ndarray(event.tensor_proto)
            if value.dtype.kind == "f" and "second" not in tag:
                actual.append((tag, event.step, float(value)))
    return actual


CASES = {
    "plain": {},
    "accumulated": {"train": {"accumulate": 2}},
    "evaluated often": {"train": {"evaluate_every": 2, "average": 2}},
    "ema": {"train": {"ema": 0.8}},
    "swa": {"train": {"swa": 0.3}},
    "gradual": {"tuner": "gradual"},
    "adalora": {"tuner": "adalora", "tuning": {"rank": 2, "every": 1}},
    "freelb": {"objective": "freelb"},
    "float16": {"train": {"precision": "mixed_float16"}},
    # Several at once, each of which has a state of its own.
    "adalora freelb ema evaluated often": {
        "tuner": "adalora",
        "tuning": {"rank": 2, "every": 1},
        "objective": "freelb",
        "settings": {"steps": 1},
        "train": {"ema": 0.8, "evaluate_every": 2, "average": 2},
    },
    "gradual swa accumulated float16": {
        "tuner": "gradual",
        "train": {"swa": 0.3, "accumulate": 2, "precision": "mixed_float16"},
    },
}
ALONE = [
    ("accumulated", [3]),
    ("evaluated often", [6, 7]),
    ("ema", [7]),
    ("swa", [12]),
    ("gradual", [6]),
    ("adalora", [8]),
    ("freelb", [7]),
    ("float16", [7]),
]


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    """A fit that is never stopped, for each case once."""
    fits = {}

    def of(name):
        if name not in fits:
            fits[name] = fitted(tmp_path_factory.mktemp("whole"), **CASES[name])
        return fits[name]

    return of


@pytest.mark.parametrize(
    ("name", "stops"),
    [
        ("plain", [1, 5, 13]),
        ("adalora freelb ema evaluated often", [7]),
        ("gradual swa accumulated float16", [7]),
        *[
            pytest.param("plain", stops, marks=pytest.mark.slow)
            for stops in ([1], [4], [5], [6], [9], [14], [2, 3, 7, 8, 13])
        ],
        *[pytest.param(*case, marks=pytest.mark.slow) for case in ALONE],
    ],
)
def test_stopped_anywhere_it_ends_the_same(tmp_path, uninterrupted, name, stops):
    # A resumed fit counts its steps anew, so each further stop lies that much earlier.
    for stop in stops:
        with pytest.raises(Interrupt):
            fitted(tmp_path, stop, seed=99, **CASES[name]) if stop is None else fitted(
                tmp_path, max(stop - reached(tmp_path), 0), **CASES[name]
            )
    weights, records, points_logged = fitted(tmp_path, **CASES[name])
    expected = uninterrupted(name)
    for one, other in zip(weights, expected[0], strict=True):
        np.testing.assert_array_equal(one, other)
    assert records == expected[1]
    assert points_logged == expected[2]


def reached(folder):
    """The step that the newest state stands at."""
    states = sorted((folder / "state").glob("*/notes.json"), key=lambda p: int(p.parent.name))
    return json.loads(states[-1].read_text())["notes"]["steps"]["done"] if states else 0


def test_a_state_is_resumed_by_its_own_fit(tmp_path):
    with pytest.raises(Interrupt):
        fitted(tmp_path, 9)
    assert reached(tmp_path) == 9
    assert Checkpoint(tmp_path / "state", "another").load() is None
    with pytest.raises(Interrupt):
        fitted(tmp_path, 3, seed=55)  # with other weights, which the state takes the place of
    assert reached(tmp_path) == 12


def test_a_damaged_state_is_none_and_the_one_before_serves(tmp_path):
    checkpoint = Checkpoint(tmp_path, "key")
    checkpoint.save(State({"a": np.arange(3)}, {"n": 1}))
    (tmp_path / "1").rename(tmp_path / "kept")
    checkpoint.save(State({"a": np.arange(4)}, {"n": 2}))
    (tmp_path / "kept").rename(tmp_path / "0")
    (file,) = tmp_path.glob("1/state.safetensors")
    file.write_bytes(file.read_bytes()[:-1])
    arrays, notes = Checkpoint(tmp_path, "key").load()
    assert notes == {"n": 1}
    np.testing.assert_array_equal(arrays["a"], np.arange(3))
    (tmp_path / "0/notes.json").write_text("{")
    assert Checkpoint(tmp_path, "key").load() is None


def test_a_state_holds_every_kind_of_array(tmp_path):
    arrays = {
        "scalar": np.float32(3),
        "bool": np.array([True, False]),
        "int": np.array(7),
        "empty": np.zeros((0, 2)),
        "turned": np.arange(6).reshape(2, 3).T,
    }
    Checkpoint(tmp_path, "key").save(State(arrays, {}))
    loaded = Checkpoint(tmp_path, "key").load().arrays
    for name, array in arrays.items():
        np.testing.assert_array_equal(loaded[name], array)
        assert loaded[name].shape == np.shape(array)
        assert loaded[name].dtype == array.dtype


def test_a_signal_saves_and_ends(tmp_path, monkeypatch):
    monkeypatch.setattr(signals, "_pending", signal.SIGTERM)
    with pytest.raises(signals.Stopped, match="stopped at step 1 of 15, saved; the same command"):
        fitted(tmp_path, seconds=1e9)
    assert reached(tmp_path) == 1


def test_a_signal_during_an_evaluation_saves_what_was_before_it(
    tmp_path, uninterrupted, monkeypatch
):
    plain = fit.__globals__["_Run"]._judged

    def judged(self, evaluate, headline):
        if self.steps.done == 5 and not signals.pending():
            assert not (tmp_path / "state").exists()  # it was not time to save yet
            monkeypatch.setattr(signals, "_pending", signal.SIGTERM)
            raise signals.Stopped
        return plain(self, evaluate, headline)

    monkeypatch.setattr(fit.__globals__["_Run"], "_judged", judged)
    with pytest.raises(signals.Stopped, match="stopped at step 5 of 15"):
        fitted(tmp_path, seconds=1e9)
    monkeypatch.undo()
    weights, records, points_logged = fitted(tmp_path)
    expected = uninterrupted("plain")
    for one, other in zip(weights, expected[0], strict=True):
        np.testing.assert_array_equal(one, other)
    assert (records, points_logged) == expected[1:]


# Numbers that are no longer finite


class Poisoned(FakeBatches):
    """Not a number in a batch, the first time it comes."""

    def __init__(self, step, times=1):
        super().__init__()
        self.step, self.times = step, times

    def rows_of(self, epoch, batch):
        return self.order(epoch).reshape(-1, self.batch_size)[batch].tolist()

    def epoch(self, epoch, start=0):
        import tensorflow as tf

        number = tf.Variable(epoch * self.steps_per_epoch + start, dtype=tf.int64)

        def poison(features, targets, weight):
            number.assign_add(1)
            bad = tf.cond(number == self.step, self.left, lambda: False)
            return features, targets, tf.where(bad, weight * float("nan"), weight)

        return super().epoch(epoch, start).map(poison)

    def left(self):
        import tensorflow as tf

        def count():
            self.times -= 1
            return self.times >= 0

        return tf.numpy_function(count, [], tf.bool)


def learned(batches, folder=None, **settings):
    keras.utils.set_random_seed(1)
    model, stream = least_model(), io.StringIO()
    same = {"epochs": 3, "batch_size": 8, "learning_rate": 0.01, "log_every": 1}
    from tfapps.train.objectives import plain

    fit(
        model,
        config=TrainConfig(**same, **settings),
        objective=plain.build(plain.Config(), Task.loss),
        batches=batches,
        strategy=make("one_device"),
        evaluate=lambda: Evaluation({"accuracy": 0.5}),
        headline="accuracy",
        checkpoint=None if folder is None else Checkpoint(folder, "key", 0.0),
        stream=stream,
    )
    return model, stream.getvalue()


def test_the_batch_that_did_it_is_named():
    batches = Poisoned(7)
    rows = ", ".join(map(str, batches.rows_of(1, 1)))
    expected = rf"became nan at step 7, batch 2 of its epoch \(training rows {rows}\): expected"
    with pytest.raises(Diverged, match=expected):
        learned(batches)


def test_a_fit_that_diverges_learns_on_at_half_the_rate(tmp_path):
    for folder in (None, tmp_path):
        model, output = learned(Poisoned(7), folder, retries=1)
        assert "retrying at 0.5 of the learning rate" in output
        start = 6 if folder else 0
        assert f"resumes at step {start} of 15" in output
        assert "lr 5.0e-03" not in output.split("retrying")[0]
        assert all(np.isfinite(w.numpy()).all() for w in model.weights)
        assert "epoch 3/3" in output


def test_it_is_given_up_after_so_many_times():
    with pytest.raises(Diverged, match="became nan at step 7"):
        learned(Poisoned(7, times=2), retries=1)
    learned(Poisoned(7, times=2), retries=2)


def test_the_out_of_memory_error_says_what_to_change(monkeypatch):
    import tensorflow as tf

    from tfapps.train.step import Step

    def full(self, batch, update=True):
        raise tf.errors.ResourceExhaustedError(None, None, "OOM when allocating tensor")

    monkeypatch.setattr(Step, "__call__", full)
    text = r"out of memory at batch 1 of its epoch, 8 rows of 4 tokens; halve train.batch_size"
    with pytest.raises(Failure, match=text):
        learned(FakeBatches())
