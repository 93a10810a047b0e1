"""The one fit: what it computes, what it keeps, what it says."""

import io
import math

import keras
import numpy as np
import pytest
import tensorflow as tf
from fitting import FakeBatches, Task, least_model, scores, tiny_model

from tfapps.compress import prune
from tfapps.config.sections import TrainConfig
from tfapps.errors import Failure, InputError
from tfapps.train import averaging
from tfapps.train.evaluation import Evaluation
from tfapps.train.forward import predict
from tfapps.train.loop import fit
from tfapps.train.objectives import plain
from tfapps.train.steps import wants_steps
from tfapps.train.strategy import make

OBJECTIVE = plain.build(plain.Config(), Task.loss)


def config(**fields):
    base = {"epochs": 2, "batch_size": 8, "learning_rate": 0.01, "log_every": 2}
    return TrainConfig(**{**base, **fields})


def run(model=None, settings=None, batches=None, evaluate=None, **more):
    keras.utils.set_random_seed(1)
    model = model or least_model()
    batches = batches or FakeBatches()
    settings = settings or config()
    history = fit(
        model,
        config=settings,
        objective=more.pop("objective", OBJECTIVE),
        batches=batches,
        strategy=make("one_device"),
        evaluate=evaluate or (lambda: Evaluation({"accuracy": 0.5})),
        headline="accuracy",
        stream=more.pop("stream", io.StringIO()),
        **more,
    )
    return model, history


def accuracy(model, batches):
    return float((predict(model, batches).argmax(-1) == batches.labels).mean())


def judged(model, batches):
    """An `evaluate` that predicts."""
    return lambda: Evaluation({"accuracy": accuracy(model, batches)})


def same(left, right, tolerance=0.0):
    for a, b in zip(left.get_weights(), right.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=tolerance)


def test_fit_learns_and_records_every_epoch():
    keras.utils.set_random_seed(1)
    model, batches = tiny_model(blocks=1), FakeBatches(lengths=(4,))
    settings = config(epochs=10, learning_rate=0.05)
    _, history = run(model, settings, batches, judged(model, batches))
    losses = [epoch.loss for epoch in history.records]
    assert losses[-1] < 0.7 * losses[0]
    assert accuracy(model, batches) == history.best > 0.7
    assert [epoch.epoch for epoch in history.records] == list(range(1, 11))
    assert [epoch.step for epoch in history.records] == list(range(5, 51, 5))
    assert history.records[0].learning_rate > history.records[-1].learning_rate > 0
    assert all(epoch.per_second > 0 and epoch.seconds > 0 for epoch in history.records)


def test_two_identical_fits_are_identical_with_dropout():
    def fitted():
        keras.utils.set_random_seed(1)
        model, batches = tiny_model(dropout=0.3, blocks=1), FakeBatches()
        return run(model, batches=batches, evaluate=judged(model, batches))

    (first, history), (second, again) = fitted(), fitted()
    same(first, second)
    assert [e.loss for e in history.records] == [e.loss for e in again.records]
    assert [e.metrics for e in history.records] == [e.metrics for e in again.records]


def test_a_step_equals_keras_by_hand():
    batches = FakeBatches(rows=8, lengths=(4,))
    model = tiny_model(blocks=1)
    twin = keras.models.clone_model(model)
    twin.set_weights(model.get_weights())
    features, targets, _ = next(iter(batches.epoch(0)))
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(Task.loss(targets, twin(features, training=True)))
    grads = tape.gradient(loss, [v.value for v in twin.trainable_variables])
    grads = [tf.convert_to_tensor(grad) for grad in grads]
    grads, norm = tf.clip_by_global_norm(grads, 0.1)
    assert norm > 0.1
    optimizer = keras.optimizers.AdamW(0.01, weight_decay=0.1)
    optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    optimizer.apply(grads, twin.trainable_variables)
    settings = config(epochs=1, weight_decay=0.1, clip_norm=0.1, schedule="constant", warmup=0.0)
    _, history = run(model, settings, batches, scores(0.5))
    same(model, twin, 1e-6)
    assert history.records[0].loss == pytest.approx(float(loss), abs=1e-6)


@pytest.mark.parametrize("weighted", [pytest.param(False, marks=pytest.mark.slow), True])
def test_accumulation_equals_one_big_batch(weighted):
    settings = {"epochs": 3, "schedule": "constant", "warmup": 0.0, "clip_norm": 0.05}
    results = []
    for batch_size, accumulate in ((12, 1), (4, 3)):
        keras.utils.set_random_seed(3)
        batches = FakeBatches(rows=36, batch_size=batch_size, lengths=(4,))
        if weighted:
            batches.weights = np.linspace(0.1, 2.0, 36).astype("float32")
        results.append(
            run(
                least_model(),
                config(batch_size=batch_size, accumulate=accumulate, **settings),
                batches,
                scores(0.1, 0.2, 0.3),
            )
        )
    (big, big_history), (small, small_history) = results
    same(big, small, 2e-5)
    for one, other in zip(big_history.records, small_history.records, strict=True):
        assert one.loss == pytest.approx(other.loss, abs=1e-5)


def test_accumulation_finishes_an_epoch_that_does_not_divide():
    seen = []
    callback = keras.callbacks.LambdaCallback(
        on_train_batch_end=lambda batch, logs: seen.append(batch)
    )
    model, _ = run(settings=config(accumulate=2, epochs=1), callbacks=[callback])
    assert seen == [0, 1, 2]
    assert int(model.optimizer.iterations.numpy()) == 3


def test_filler_rows_change_nothing():
    results = []
    for size in (5, 8):
        keras.utils.set_random_seed(3)
        batches = FakeBatches(rows=5, batch_size=size, lengths=(4,))
        results.append(run(least_model(), config(batch_size=size), batches, scores(0.1, 0.2)))
    same(results[0][0], results[1][0], 1e-5)
    assert results[0][1].records[1].loss == pytest.approx(results[1][1].records[1].loss, abs=1e-6)


def test_l2_is_twice_the_kernels_and_nothing_else():
    def nothing(model, features, targets, training):
        logits = model(features, training=training)
        return 0.0 * logits[:, 0], logits

    model = tiny_model(blocks=1)
    before = {v.path: v.numpy() for v in model.trainable_variables}
    kernels = {path for path in before if path.endswith("/kernel")}
    penalty = 0.5 * sum(float((before[path] ** 2).sum()) for path in kernels)
    settings = config(epochs=1, l2=0.5, weight_decay=0.0)
    _, history = run(
        model, settings, FakeBatches(rows=8, lengths=(4,)), scores(0.5), objective=nothing
    )
    assert history.records[0].loss == pytest.approx(penalty, rel=1e-5)
    moved = {v.path for v in model.trainable_variables if (v.numpy() != before[v.path]).any()}
    assert moved == kernels


def test_losses_added_by_layers_count():
    ids = keras.Input((None,), dtype="int32", name="token_ids")
    x = keras.layers.Embedding(20, 4, name="embedding")(ids)
    dense = keras.layers.Dense(3, name="head_logits", kernel_regularizer=keras.regularizers.L2(2.0))
    model = keras.Model({"token_ids": ids}, dense(keras.ops.mean(x, 1)))
    extra = 2.0 * float((dense.kernel.numpy() ** 2).sum())
    batches = FakeBatches(rows=8, lengths=(4,))
    features, targets, _ = next(iter(batches.epoch(0)))
    ids_only = {"token_ids": features["token_ids"]}
    own = float(tf.reduce_mean(Task.loss(targets, model(ids_only))))

    def objective(model, features, targets, training):
        logits = model({"token_ids": features["token_ids"]}, training=training)
        return Task.loss(targets, logits), logits

    _, history = run(model, config(epochs=1), batches, scores(0.5), objective=objective)
    assert history.records[0].loss == pytest.approx(own + extra, rel=1e-5)


def test_best_weights_are_kept_and_the_earlier_of_equals():
    weights = []
    model = least_model()
    values = [0.2, 0.9, 0.9, 0.4]

    def evaluate():
        weights.append(model.get_weights())
        return Evaluation({"accuracy": values[len(weights) - 1]})

    _, history = run(model, config(epochs=4), evaluate=evaluate)
    assert (history.best_epoch, history.best, history.stopped_early) == (2, 0.9, False)
    for kept, second in zip(model.get_weights(), weights[1], strict=True):
        np.testing.assert_array_equal(kept, second)
    assert (weights[1][0] != weights[3][0]).any()


def test_early_stopping_counts_epochs_without_a_better_one():
    _, history = run(
        settings=config(epochs=9, patience=2), evaluate=scores(0.1, 0.5, 0.5, 0.4, 0.9)
    )
    assert len(history.records) == 4
    assert history.stopped_early
    assert history.best_epoch == 2


def test_a_metric_that_is_no_number_is_never_the_best():
    _, history = run(settings=config(epochs=3), evaluate=scores(math.nan, 0.3, math.nan))
    assert (history.best_epoch, history.best) == (2, 0.3)


def test_a_loss_that_is_no_number_fails_with_the_step_and_keeps_the_best_weights():
    model = least_model()
    batches = FakeBatches()
    kept = []

    def evaluate():
        kept.append(model.get_weights())
        batches.weights[:] = np.nan
        return Evaluation({"accuracy": 0.5})

    message = r"loss became nan at step 6, batch 1 .*lower train.learning_rate"
    with pytest.raises(Failure, match=message):
        run(model, config(epochs=3), batches, evaluate)
    for now, best in zip(model.get_weights(), kept[0], strict=True):
        np.testing.assert_array_equal(now, best)


def test_the_initial_model_may_be_the_best():
    model = least_model()
    before = model.get_weights()
    stream = io.StringIO()
    settings = {"settings": config(epochs=2), "best_from": 0, "stream": stream}
    _, history = run(model, evaluate=scores(0.6, 0.5, 0.6), **settings)
    assert (history.best_epoch, history.best) == (0, 0.6)
    assert [epoch.metrics["accuracy"] for epoch in history.records] == [0.5, 0.6]
    for now, then in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(now, then)
    assert stream.getvalue().startswith("epoch 0/2  accuracy 0.600\nepoch 1/2  loss")
    _, history = run(evaluate=scores(0.4, 0.5, 0.6), **settings)
    assert history.best_epoch == 2


RISING = [step / 10 for step in range(1, 10)]


def test_evaluation_every_n_steps_leaves_the_training_as_it_is():
    stream = io.StringIO()
    settings = config(evaluate_every=2)
    model, history = run(settings=settings, evaluate=scores(*RISING), stream=stream)
    assert [record.step for record in history.records] == [2, 4, 5, 6, 8, 10]
    epochs = [record.epoch for record in history.records]
    assert epochs == pytest.approx([0.4, 0.8, 1.0, 1.2, 1.6, 2.0])
    assert history.best_epoch == epochs[2 + 3] == 2
    shown = [line.split("  ")[0] for line in stream.getvalue().splitlines()]
    assert shown == [f"epoch {epoch}/2" for epoch in ("0.4", "0.8", "1", "1.2", "1.6", "2")]
    plain_model, plain_history = run(evaluate=scores(0.1, 0.2))
    same(model, plain_model)
    losses = [record.loss for record in history.records]
    for full, (first, second, third) in zip(
        plain_history.records, (losses[:3], losses[3:]), strict=True
    ):
        counts = (2, 2, 1) if full.epoch == 1 else (1, 2, 2)
        assert full.loss == pytest.approx(np.average([first, second, third], weights=counts))


def test_the_best_weights_may_be_those_within_an_epoch():
    model, weights, values = least_model(), [], [0.2, 0.9, 0.3, 0.9, 0.1, 0.2]

    def evaluate():
        weights.append(model.get_weights())
        return Evaluation({"accuracy": values[len(weights) - 1]})

    _, history = run(model, config(evaluate_every=2), evaluate=evaluate)
    assert (history.best_epoch, history.best) == (0.8, 0.9)
    for now, kept in zip(model.get_weights(), weights[1], strict=True):
        np.testing.assert_array_equal(now, kept)


@pytest.mark.parametrize(("best_from", "best"), [(None, 0.4), (0, 0.0), (1, 1.0), (2, 2.0)])
def test_evaluations_before_the_first_valid_epoch_are_never_the_best(best_from, best):
    falling = [0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3]
    _, history = run(
        settings=config(evaluate_every=2), evaluate=scores(*falling), best_from=best_from
    )
    assert history.best_epoch == best


def test_weights_within_an_epoch_are_not_taken_before_the_last_mask():
    item = prune.Config(sparsity=0.75, epochs=2, end=0.3, frequency=1)
    model = tiny_model(blocks=1)
    callbacks = prune.callbacks(item, model, 10)
    falling = scores(*np.linspace(0.9, 0.1, 10))
    settings, best_from = config(evaluate_every=1), prune.ready(item)
    _, history = run(model, settings, evaluate=falling, callbacks=callbacks, best_from=best_from)
    assert history.best_epoch == best_from == 1
    assert prune.report(item, model)["sparsity"] == 0.75


def test_patience_counts_evaluations_and_may_end_within_an_epoch():
    ended = []
    callback = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: ended.append(epoch))
    values = [0.1, 0.5, 0.2, 0.3]
    _, history = run(
        settings=config(epochs=9, patience=2, evaluate_every=2),
        evaluate=scores(*values),
        callbacks=[callback],
    )
    assert [record.step for record in history.records] == [2, 4, 5, 6]
    assert (history.best_epoch, history.stopped_early) == (0.8, True)
    assert ended == [0, 1]


@pytest.mark.parametrize("starts", [{"best_from": 4}, {"patient_from": 4}])
def test_patience_counts_from_where_weights_may_be_the_best(starts):
    falling = [0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2]
    _, history = run(settings=config(epochs=8, patience=2), evaluate=scores(*falling), **starts)
    ended, best = {"best_from": (6, 4), "patient_from": (5, 1)}[next(iter(starts))]
    assert (history.records[-1].epoch, history.best_epoch) == (ended, best)
    assert history.stopped_early


def test_patience_does_not_count_the_epochs_before_the_averaged_ones():
    settings = config(epochs=8, patience=2, swa=0.75)
    model = least_model()
    history = run(
        model,
        settings,
        evaluate=scores(*[0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2]),
        callbacks=averaging.callbacks(settings, model),
        best_from=7,
    )[1]
    assert (history.best, history.best_epoch, history.stopped_early) == (0.3, 7, False)


@pytest.mark.parametrize("values", [(math.nan, math.nan), (0.5, 0.6)])
def test_a_fit_without_an_evaluation_that_counts_fails(values):
    model = least_model()
    with pytest.raises(Failure, match=r"no evaluation qualified.* got accuracy (nan|0.5), "):
        run(model, evaluate=scores(*values), best_from=3)


def test_evaluation_counts_updates_where_gradients_are_accumulated():
    _, history = run(settings=config(accumulate=2, evaluate_every=2), evaluate=scores(*RISING))
    assert [record.step for record in history.records] == [2, 3, 4, 6]
    assert [record.epoch for record in history.records] == pytest.approx([2 / 3, 1, 4 / 3, 2])


@pytest.mark.parametrize(("mean", "averaged"), [(0.8, 2), (0.6, 0)])
def test_the_mean_of_the_best_epochs_is_taken_if_it_is_better(mean, averaged):
    model = least_model()
    weights = []
    values = [0.2, 0.7, 0.3, 0.5, mean]

    def evaluate():
        weights.append(model.get_weights())
        return Evaluation({"accuracy": values[len(weights) - 1]})

    stream = io.StringIO()
    settings = config(epochs=4, average=2)
    _, history = run(model, settings, evaluate=evaluate, stream=stream)
    assert (history.best_epoch, history.averaged, history.best) == (2, averaged, max(0.7, mean))
    assert f"mean of the best epochs  accuracy {mean:.3f}" in stream.getvalue()
    for now, second, fourth in zip(model.get_weights(), weights[1], weights[3], strict=True):
        expected = (second + fourth) / 2 if averaged else second
        np.testing.assert_allclose(now, expected, rtol=1e-6)


def test_a_missing_headline_names_the_metrics():
    with pytest.raises(InputError, match="'accuracy' is not among those evaluated: micro_f1"):
        run(evaluate=lambda: Evaluation({"micro_f1": 0.5}))


@pytest.mark.parametrize(("steps", "text"), [(4, "more than its 4"), (6, "5 batches, expected 6")])
def test_a_wrong_number_of_batches_is_an_error(steps, text):
    batches = FakeBatches()
    fixed = FakeBatches().epoch(0)
    batches.epoch = lambda e, start=0: fixed
    batches.steps_per_epoch = steps
    with pytest.raises(InputError, match=text):
        run(batches=batches, evaluate=scores(0.1, 0.2))


def test_a_frozen_model_is_an_error():
    model = least_model()
    model.trainable = False
    with pytest.raises(InputError, match="every weight is frozen"):
        run(model)


def test_keras_callbacks_see_epochs_steps_and_can_stop():
    class Watch(keras.callbacks.Callback):
        def __init__(self):
            super().__init__()
            self.seen = []

        def on_train_begin(self, logs=None):
            self.seen.append("begin")

        def on_train_batch_end(self, batch, logs=None):
            self.seen.append((batch, sorted(logs)))

        def on_epoch_end(self, epoch, logs=None):
            self.seen.append((epoch, sorted(logs)))
            self.model.stop_training = True

        def on_train_end(self, logs=None):
            self.seen.append("end")

    watch = Watch()
    _, history = run(settings=config(epochs=3), callbacks=[watch])
    steps = [(i, ["learning_rate", "loss"]) for i in range(5)]
    epoch = (0, ["learning_rate", "loss", "val_accuracy"])
    assert watch.seen == ["begin", *steps, epoch, "end"]
    assert history.stopped_early
    assert watch.params["steps"] == 5


def test_the_head_learns_at_its_own_rate():
    moved = {}
    for head in (0.001, 0.0001):
        keras.utils.set_random_seed(5)
        model = least_model()
        before = model.get_layer("head_logits").kernel.numpy()
        settings = config(
            epochs=1, learning_rate=0.001, head_learning_rate=head, weight_decay=0.0, warmup=0.0,
            schedule="constant",
        )  # fmt: skip
        run(model, settings, FakeBatches(rows=8), scores(0.5))
        moved[head] = model.get_layer("head_logits").kernel.numpy() - before
    np.testing.assert_allclose(moved[0.001], 10 * moved[0.0001], atol=1e-6)


@pytest.mark.parametrize("precision", ["float32", "mixed_bfloat16", "mixed_float16"])
def test_every_precision_trains(precision):
    keras.mixed_precision.set_dtype_policy(precision)
    try:
        settings = config(epochs=3, precision=precision, learning_rate=0.03)
        model, history = run(tiny_model(blocks=1), settings)
    finally:
        keras.mixed_precision.set_dtype_policy("float32")
    scaled = isinstance(model.optimizer, keras.optimizers.LossScaleOptimizer)
    assert scaled == (precision == "mixed_float16")
    assert history.records[-1].loss < history.records[0].loss
    assert all(v.dtype == "float32" for v in model.trainable_variables)


def test_loss_scaling_changes_no_step_in_float32():
    results = []
    for precision in ("float32", "mixed_float16"):
        keras.utils.set_random_seed(3)
        settings = config(precision=precision, l2=0.01, clip_norm=0.05)
        results.append(run(least_model(), settings, evaluate=scores(0.1, 0.2)))
    same(results[0][0], results[1][0], 1e-5)


def test_all_lengths_share_one_trace():
    traces = []

    def objective(model, features, targets, training):
        traces.append(features["token_ids"].shape)
        return OBJECTIVE(model, features, targets, training)

    run(batches=FakeBatches(lengths=(2, 3, 4, 5, 6)), objective=objective)
    assert len(traces) == 1


def test_predict_is_in_row_order_and_leaves_filler_out():
    keras.utils.set_random_seed(2)
    model, batches = least_model(), FakeBatches(rows=13, lengths=(8,))
    features = {"token_ids": batches.ids, "padding_mask": np.ones_like(batches.ids)}
    logits = predict(model, batches)
    assert logits.shape == (13, 3)
    assert logits.dtype == np.float32
    np.testing.assert_allclose(logits, model(features).numpy(), atol=1e-5)


def test_predict_traces_a_model_once_and_sees_new_weights():
    model, batches = least_model(), FakeBatches(lengths=(4, 6))
    first = predict(model, batches)
    (function,) = model.__dict__["_compiled_forward"].values()
    model.set_weights([2 * w for w in model.get_weights()])
    assert np.abs(predict(model, batches) - first).max() > 0
    assert function.experimental_get_tracing_count() == 1


def test_predict_pads_logits_over_time():
    ids = keras.Input((None,), dtype="int32", name="token_ids")
    x = keras.layers.Embedding(20, 4, name="embedding")(ids)
    model = keras.Model({"token_ids": ids}, keras.layers.Dense(3, name="head")(x))
    batches = FakeBatches(rows=10, batch_size=5, lengths=(2, 4))
    full = batches.epoch(0)
    mapped = full.map(lambda f, t, w: ({"token_ids": f["token_ids"]}, t, w))
    features, *rest = full.element_spec
    mapped.element_spec = ({"token_ids": features["token_ids"]}, *rest)
    batches.epoch = lambda e, start=0: mapped
    logits = predict(model, batches)
    assert logits.shape == (10, 4, 3)
    short, long = batches.order(0)[:5], batches.order(0)[5:]
    assert not logits[short, 2:].any()
    np.testing.assert_allclose(logits[long], model({"token_ids": batches.ids[long, :4]}), atol=1e-5)


def test_steps_are_only_waited_for_where_a_callback_listens_to_them():
    listens = keras.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: None)
    assert wants_steps(listens)
    assert not wants_steps(keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: None))
    assert not wants_steps(keras.callbacks.ReduceLROnPlateau())


def test_a_second_fit_of_the_same_model_starts_its_schedule_anew():
    model, first = run(settings=config(epochs=1), evaluate=scores(0.1))
    _, second = run(model, config(epochs=1), evaluate=scores(0.1))
    assert first.records[0].learning_rate == second.records[0].learning_rate
    assert second.records[0].loss < first.records[0].loss


def test_weights_are_the_best_ones_when_a_fit_is_interrupted():
    model, kept = least_model(), []

    def evaluate():
        kept.append(model.get_weights())
        if len(kept) == 2:
            raise KeyboardInterrupt
        return Evaluation({"accuracy": 0.5})

    with pytest.raises(KeyboardInterrupt):
        run(model, config(epochs=3), evaluate=evaluate)
    for now, best in zip(model.get_weights(), kept[0], strict=True):
        np.testing.assert_array_equal(now, best)
