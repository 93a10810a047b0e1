"""Small untrained runs as bundles, for tests of how a run is asked."""

import functools
import random

import keras
import tiny

from tfapps import registry
from tfapps.assembly.assemble import assemble
from tfapps.bundle.bundle import writing
from tfapps.config import load as configs
from tfapps.graph import weights

WORDS = ["ann", "smith", "eats", "plums", "good", "bad", "thing", "fly", "to", "rome", "bonn"]
WORDS += ["gute", "dinge", "it", "runs", "cat"]
LENGTH = 16
TEXTS = [" ".join(WORDS[i : i + 4]) for i in range(12)]
MODELS = {
    "encoder": {"name": "bert", "size": "tiny", "layers": 1, "max_length": LENGTH},
    "seq2seq": {"name": "seq2seq_lstm", "units": 16, "embedding_size": 8, "max_length": LENGTH},
}
VOCABULARY = {"encoder": 200, "seq2seq": 40}
ARTIFACTS = {"single": ["litert_float32"], "seq2seq": ["litert_float32", "litert_greedy"]}


def artifacts_of(task):
    """Artefacts that answer for a task."""
    return ARTIFACTS[registry.load("task", task).Task.form]


def write(path, task, artifacts=None, more=None, **model):
    """Write a bundle of a task around a model of random weights; returns its path.

    `more` are further sections of the config; `model` changes the usual model, or names another.
    """
    from tfapps.runs import described
    from tfapps.stages.export import parts

    module = registry.load("task", task)
    raw = {
        "task": {"name": task, **tiny.of(task).options},
        "data": {"source": "sample", "sample": "support_intents"},
        "model": model if "name" in model else {**MODELS[module.Task.needs], **model},
        "text": {"vocabulary_size": VOCABULARY[module.Task.needs], "min_frequency": 1},
        **(more or {}),
    }
    run = configs.from_dict(raw, path.name)
    examples = tiny.of(task).labelled(TEXTS)
    learned = module.Task.learn(run.task, examples)
    models = registry.plugin("model", run.model.name)
    tokenizer = models.tokenizer(run.model, run.text, learned.texts(examples))
    learned.set_tokenizer(tokenizer, examples, None)
    size = {"vocabulary_size": tokenizer.vocabulary_size}
    keras.utils.set_random_seed(1)
    model = assemble(run, learned, **size)
    spread(model)
    with writing(path) as draft:
        (draft.path / "config.yaml").write_text(configs.dump(run), encoding="utf-8")
        tokenizer.save(draft.path / "text")
        learned.save(draft.path / "text")
        file = draft.path / "weights.safetensors"
        weights.save(model, file)

        def rebuild(batch_size, length):
            shape = {"batch_size": batch_size, "length": length}
            return assemble(run, learned, weights_file=file, **size, **shape)

        prepared = Prepared(run, learned, tokenizer, examples)
        for name in artifacts or artifacts_of(task):
            exporter = registry.plugin("exporter", registry.artifacts()[name])
            exporter.export(
                [name],
                rebuild=rebuild,
                max_length=run.model.max_length,
                split=functools.partial(parts, prepared, exporter=exporter),
                folder=draft.path,
            )
        described.describe(prepared, draft.path)
    return path


class Prepared:
    """What the export stage reads of prepared data."""

    def __init__(self, run, task, tokenizer, examples):
        self.config, self.task, self.tokenizer = run, task, tokenizer
        self.examples = {"train": examples}


def spread(model, scale=3.0):
    """Make the answers of random weights differ clearly from text to text."""
    for weight in model.weights:
        if "kernel" in weight.path or "embeddings" in weight.path:
            weight.assign(weight * scale)


def texts(task, count, seed=0):
    """Texts of every length, empty and too long ones too; with gaps where words are guessed."""
    chance, gaps = random.Random(seed), registry.load("task", task).Task.running_text
    actual = []
    for number in range(count):
        size = (0, 1, 3 * LENGTH)[number] if number < 3 else chance.randint(1, LENGTH - 4)
        words = [chance.choice(WORDS) for _ in range(size)]
        if gaps:
            for _ in range(chance.randint(0, 3)):
                words.insert(chance.randint(0, len(words)), "[MASK]")
        actual.append(" ".join(words))
    return actual
