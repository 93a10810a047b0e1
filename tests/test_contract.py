"""One contract for every task x model that fit: build, learn, save, reload, answer.

A new file in tasks/ or models/ is picked up here unedited. A model says in `Config.tiny` how small
it may be built; what the examples of a task look like is in tests/tiny_tasks/.
"""

import keras
import numpy as np
import pytest
import tensorflow as tf
import tiny
from rounding import assert_same_sums, longest_sum

from tfapps import registry
from tfapps.assembly.assemble import assemble, features, form_of
from tfapps.config import load as configs
from tfapps.data import encoding
from tfapps.data.masking import Masking
from tfapps.data.pipeline import Batches
from tfapps.errors import InputError
from tfapps.features import padding
from tfapps.features.arrays import as_list, map_arrays
from tfapps.graph import weights
from tfapps.graph.cut import Cut


def pairs(task):
    """Cases of a task; with its options, models after the first are left to `make test-slow`."""
    models = tiny.models(task)
    for more in tiny.of(task).variants:
        for model in models:
            raw = {"name": task, **more}
            name = "-".join([*map(str, raw.values()), model])
            slow = [pytest.mark.slow] if more and model != models[0] else []
            yield pytest.param((raw, model), id=name, marks=slow)


PAIRS = [case for task in registry.names("task") for case in pairs(task)]


def test_every_task_and_every_model_is_in_a_pair():
    tasks, models = zip(*(case.values[0] for case in PAIRS), strict=True)
    assert {task["name"] for task in tasks} == set(registry.names("task"))
    assert set(models) == set(registry.names("model"))


@pytest.fixture(params=PAIRS, scope="module")
def parts(request):
    """Config, task, tokenizer, examples, encoded examples of one pair."""
    raw_task, model_name = request.param
    raw = {
        "task": raw_task,
        "data": {"source": "sample", "sample": "support_intents"},
        "model": tiny.section("model", model_name),
        "text": {"vocabulary_size": 40, "min_frequency": 1},
    }
    run = configs.from_dict(raw, "contract")
    examples = tiny.of(run.task.name).examples
    task = registry.load("task", run.task.name).Task.learn(run.task, examples)
    module = registry.load("model", model_name)
    tokenizer = module.Model.tokenizer(run.model, run.text, task.texts(examples))
    task.set_tokenizer(tokenizer, examples, None)
    examples = task.expand(examples, tokenizer, run.model.max_length)
    encoded = encoding.encode(examples, task, tokenizer, run.model.max_length, None)
    return run, task, tokenizer, examples, encoded


@pytest.fixture(scope="module")
def model(parts):
    """The model of a pair, which a test leaves as it found it."""
    return build(parts)


def build(parts, **shape):
    run, task, tokenizer, *_ = parts
    keras.utils.set_random_seed(1)
    return assemble(run, task, vocabulary_size=tokenizer.vocabulary_size, **shape)


def masking(task):
    """What hides tokens, of a task that hides some."""
    options = task.masking()
    return None if options is None else Masking(**options)


def samples(parts):
    """Features of all rows, and targets."""
    run, task, *_, encoded = parts
    rows = padding.dense(encoded, registry.features(run.model))
    targets = {name: encoded.columns[name] for name in task.targets}
    if masking(task) is None:
        return rows, targets
    return tuple(map_arrays(np.asarray, part) for part in masking(task)(rows, targets, (1, 2)))


def test_inputs_are_those_declared(parts, model):
    run, task, *_ = parts
    stated = features(run, task)
    assert tuple(model.input) == tuple(feature.name for feature in stated)
    for feature in stated:
        tensor = model.input[feature.name]
        assert (tensor.shape, tensor.dtype) == ((None, *feature.shape), feature.dtype)


def test_a_model_of_fixed_shape_has_the_same_weights_and_logits(parts, model, tmp_path):
    weights.save(model, tmp_path / "w.safetensors")
    run, task, tokenizer, *_ = parts
    static = assemble(
        run,
        task,
        vocabulary_size=tokenizer.vocabulary_size,
        batch_size=2,
        length=run.model.max_length,
        weights_file=tmp_path / "w.safetensors",
    )
    paths = [weight.path for weight in model.weights]
    assert len(set(paths)) == len(paths)
    assert paths == [weight.path for weight in static.weights]
    rows = {name: value[:2] for name, value in samples(parts)[0].items()}
    for one, other in zip(as_list(model(rows)), as_list(static(rows)), strict=True):
        assert_same_sums(one, other, longest_sum(model))


def test_a_model_cut_behind_its_embeddings_is_the_same(parts, model):
    rows = {name: value[:2] for name, value in samples(parts)[0].items()}
    embed, answer = Cut()(model)
    again = as_list(answer(embed(rows, False), rows, False))
    for one, other in zip(again, as_list(model(rows)), strict=True):
        assert_same_sums(one, other, longest_sum(model))


def test_padding_changes_nothing(parts, model):
    rows, _ = samples(parts)
    full = rows["token_ids"].shape[1]
    by_place = {name: value for name, value in rows.items() if value.shape[1] == full}
    longest = max(int((value != 0).sum(axis=1).max()) for value in by_place.values())
    cut = {**rows, **{name: value[:, :longest] for name, value in by_place.items()}}
    for logits, expected in zip(as_list(model(rows)), as_list(model(cut)), strict=True):
        by_place = logits.shape[1] == full and len(logits.shape) > 2
        assert_same_sums(logits[:, :longest] if by_place else logits, expected, longest_sum(model))


def test_a_step_lowers_the_loss(parts, model):
    run, task, *_, encoded = parts
    start = model.get_weights()
    inputs = registry.features(run.model)
    batches = Batches(
        encoded,
        features=inputs,
        targets=task.targets,
        batch_size=24,
        max_length=run.model.max_length,
        change=masking(task),
    )
    rows, targets, _ = next(iter(batches.epoch(0)))

    def step():  # as it is: to trace it costs more than to run it
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(task.loss(targets, model(rows, training=True)))
        values = [weight.value for weight in model.trainable_variables]
        gradients = tape.gradient(loss, values)
        length = tf.linalg.global_norm(gradients)
        for value, gradient in zip(values, gradients, strict=True):
            if gradient is not None:
                value.assign_sub(0.01 / length * tf.convert_to_tensor(gradient))

    def loss():  # without dropout, whose noise is larger than what a few steps gain
        return float(tf.reduce_mean(task.loss(targets, model(rows, training=False))))

    before = loss()
    step()
    after = loss()
    model.set_weights(start)
    assert after < before


def test_answers_and_figures_for_every_row(parts, model, tmp_path):
    run, task, tokenizer, examples, encoded = parts
    rows, targets = samples(parts)
    if registry.plugin("form", task.form).searches:
        outputs = form_of(model, run, task)(rows)
    else:
        outputs = map_arrays(np.asarray, model(rows))
    answered, asked = outputs, tiny.of(run.task.name).examples
    if task.reduces:
        answered, asked = outputs, [{"text": "it [MASK] away"}] * len(encoded)
        outputs, examples = map_arrays(np.asarray, task.reduce(targets, outputs)), asked
    figures = task.predict_metrics(outputs, targets, examples)
    assert task.headline in figures
    assert all(np.isfinite(value) for value in figures.values())
    assert len(task.decode(answered, examples)) == len(asked)
    assert all(
        picture[:4] == b"\x89PNG" for picture in task.pictures(outputs, targets, examples).values()
    )
    assert all(task.notes(outputs, targets, examples).values())
    task.save(tmp_path)
    tokenizer.save(tmp_path)
    again = type(task).load(run.task, tmp_path)
    assert again.decode(answered, examples) == task.decode(answered, examples)


@pytest.mark.slow
def test_every_tuner_fits_or_is_refused_with_a_reason(parts):
    run, task, tokenizer, *_ = parts
    rows = samples(parts)[0]
    fitting, refused = [], {}
    for name in registry.names("tuner"):
        tuner = registry.plugin("tuner", name)
        settings = registry.load("tuner", name).Config(**registry.load("tuner", name).Config.tiny)
        if tuner.needs not in (None, task.needs):
            continue  # which config refuses
        full = run.model_copy(update={"tuning": settings})
        try:
            keras.utils.set_random_seed(1)
            model = assemble(full, task, vocabulary_size=tokenizer.vocabulary_size)
            learned = tuner.apply(settings, model)
        except InputError as error:
            refused[name] = str(error)
            continue
        for weight in learned.trainable_variables:
            weight.assign(weight + 0.01)
        expected = as_list(learned(rows))
        merged = tuner.merge(settings, learned)
        for logits, same in zip(as_list(merged(rows)), expected, strict=True):
            assert_same_sums(logits, same, longest_sum(model), err_msg=name)
        fitting.append(name)
    assert all(name in text or "tuning" in text for name, text in refused.items())
    assert {"full", "layerwise", "gradual"} <= set(fitting)
    if run.model.name == "bert":
        assert set(fitting) == set(registry.names("tuner"))
