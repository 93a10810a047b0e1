"""Every weight of every head learns, at the head's rate, under every tuner and for every task."""

import functools

import keras
import numpy as np
import pytest
import tensorflow as tf
import tiny

from tfapps import registry
from tfapps.assembly import assemble
from tfapps.compress import _select, prune
from tfapps.config import load as configs
from tfapps.config.sections import TrainConfig
from tfapps.data import encoding
from tfapps.data.masking import Masking
from tfapps.data.pipeline import Batches
from tfapps.errors import InputError
from tfapps.graph import heads
from tfapps.graph.clone import clone
from tfapps.train.optimizers import make
from tfapps.tuning import freeze

CASES = {
    f"{task}-{number}": {"name": task, **more}
    for task in registry.names("task")
    for number, more in enumerate(tiny.of(task).variants)
}
CASES["intent_slots-crf"] = {"name": "intent_slots", "crf": True}
CASES["masked_lm-own"] = {"name": "masked_lm"}
SEVERAL = ("intent_slots-crf",)  # three heads; the other cases are slow
MODELS = {"masked_lm-own": "bilstm"}  # of other cases the first that fits
RATE, HEAD_RATE = 1e-4, 1e-2


def model_name(case):
    return MODELS.get(case) or tiny.models(CASES[case]["name"])[0]


@functools.cache
def built(case):
    """Model and task of a case, the paths that the task has added, and one batch."""
    raw = CASES[case]
    name = model_name(case)
    run = configs.from_dict(
        {
            "task": raw,
            "data": {"source": "sample", "sample": "support_intents"},
            "model": tiny.section("model", name),
            "text": {"vocabulary_size": 60, "min_frequency": 1},
        },
        "heads",
    )
    examples = tiny.of(raw["name"]).examples
    task = registry.load("task", raw["name"]).Task.learn(run.task, examples)
    module = registry.load("model", name)
    tokenizer = module.Model.tokenizer(run.model, run.text, task.texts(examples))
    task.set_tokenizer(tokenizer, examples, None)
    keras.utils.set_random_seed(3)
    size = tokenizer.vocabulary_size
    encoder = {w.path for w in module.build(run.model, vocabulary_size=size).weights}
    model = assemble.assemble(run, task, vocabulary_size=size)
    rows = task.expand(examples, tokenizer, 12)
    masking = None if task.masking() is None else Masking(**task.masking())
    batches = Batches(
        encoding.encode(rows, task, tokenizer, 12, None),
        features=registry.features(run.model),
        targets=task.targets,
        batch_size=24,
        max_length=12,
        change=masking,
    )
    features, targets, _ = next(iter(batches.epoch(0)))
    added = {w.path for w in model.weights if w.name != "seed_generator_state"} - encoder
    return model, task, added, (features, targets)


def moved(model, task, batch, callbacks):
    """How far the first step takes each weight at most, by path."""
    for callback in callbacks:
        callback.on_train_begin()
        callback.on_train_batch_begin(0)
    settings = TrainConfig(
        learning_rate=RATE, head_learning_rate=HEAD_RATE, weight_decay=0.0, schedule="constant",
        warmup=0.0,
    )  # fmt: skip
    factors = [c.factor for c in callbacks if hasattr(c, "factor")]
    steps = make.of_config(settings, 10, factors, in_head=heads.of(model))
    features, targets = batch
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(task.loss(targets, model(features, training=True)))
    variables = model.trainable_variables
    gradients = tape.gradient(loss, [variable.value for variable in variables])
    pairs = [(g, v) for g, v in zip(gradients, variables, strict=True) if g is not None]
    before = {w.path: w.numpy() for w in model.weights}
    steps.apply([tf.convert_to_tensor(g) for g, _ in pairs], [v for _, v in pairs])
    return {w.path: np.abs(w.numpy() - before[w.path]).max(initial=0) for w in model.weights}


@pytest.mark.parametrize(
    "case",
    [pytest.param(c, marks=[] if c in SEVERAL else [pytest.mark.slow]) for c in CASES],
)
@pytest.mark.parametrize("name", registry.names("tuner"))
def test_a_step_moves_every_weight_of_every_head(case, name):
    base, task, added, batch = built(case)
    module, tuner = registry.load("tuner", name), registry.plugin("tuner", name)
    parts = registry.plugin("model", model_name(case)).parts
    if tuner.needs not in (None, task.needs) or not added:
        pytest.skip("does not go together, or has no head")
    if tuner.needs_part not in (None, *parts):
        pytest.skip("the config refuses it")
    settings = module.Config(**module.Config.tiny)
    model = clone(base)
    try:
        model = tuner.build(settings, model)
    except InputError:
        pytest.skip("the model has no place for this tuner")
    model = tuner.apply(settings, model)
    makers = tuner.callbacks(settings, model, 10)
    steps = moved(model, task, batch, makers)
    for path in added:
        assert steps[path] == pytest.approx(HEAD_RATE, rel=0.05), path
    assert max(step for path, step in steps.items() if path not in added) <= RATE * 1.05


@pytest.mark.parametrize("case", CASES)
def test_a_task_names_all_its_heads(case):
    model, task, added, _ = built(case)
    of_heads = {w.path for w in model.weights if heads.of(model)(w.path)}
    assert of_heads == added
    assert heads.names(model) == task.heads


def test_compressors_leave_every_head_alone():
    model, _, added, _ = built("intent_slots-crf")
    item = prune.Config(sparsity=0.5)
    chosen = prune.prunable(item, model)
    assert "block_0_attention/qkv/kernel" in chosen
    assert not added & chosen.keys()
    named = item.model_copy(update={"exclude": ("head/*",)})
    assert "intent_head/kernel" in prune.prunable(named, model)
    assert _select.HEADS in item.exclude


def test_a_model_without_a_mark_has_the_layers_called_head():
    paths = ("head/kernel", "head_norm", "header", "crf/transitions")
    in_head = heads.of(keras.Sequential())
    assert [path for path in paths if in_head(path)] == ["head/kernel", "head_norm"]


def test_marks_survive_a_clone_and_a_freeze():
    model, _, added, _ = built("intent_slots-crf")
    twin = freeze.apply(freeze.Config(), clone(clone(model)))
    assert {w.path for w in twin.trainable_variables} == added
