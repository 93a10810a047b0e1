"""Small untrained runs as bundles, for tests of how a run is asked."""

import random

import keras

from tfapps import config, registry, weights
from tfapps.assemble import assemble
from tfapps.bundle import writing
from tfapps.data.corpora import Corpus

WORDS = ["ann", "smith", "eats", "plums", "good", "bad", "thing", "fly", "to", "rome", "bonn"]
WORDS += ["gute", "dinge", "it", "runs", "cat"]
LENGTH = 16
TEXTS = [" ".join(WORDS[i : i + 4]) for i in range(12)]
ROWS = [{"text": text, "label": f"class {i % 3}"} for i, text in enumerate(TEXTS)]
TAGS = ["B-PER", "I-PER", "O", "B-CITY"]
TAGGED = [{"tokens": row["text"].split(), "tags": TAGS, "label": row["label"]} for row in ROWS]
EXAMPLES = {
    "classification": ROWS,
    "intent_slots": TAGGED,
    "masked_lm": Corpus(lambda: iter([TEXTS]), ["served"]),
    "prompt": ROWS,
    "tagging": TAGGED,
    "translation": [{"text": text, "target": text[::-1]} for text in TEXTS],
}
SETTINGS = {
    "prompt": {"verbalizer": {f"class {i}": WORDS[i] for i in range(3)}},
    "tagging": {"crf": True},
}
MODELS = {
    "encoder": {"name": "bert", "size": "tiny", "max_length": LENGTH},
    "seq2seq": {"name": "seq2seq_lstm", "units": 16, "embedding_size": 8, "max_length": LENGTH},
}
VOCABULARY = {"encoder": 200, "seq2seq": 40}
ARTIFACTS = {"translation": ["litert_float32", "litert_greedy"]}


def write(path, task, artifacts=None, **model):
    """Write a bundle of a task around a model of random weights; returns its path."""
    from tfapps.stages.export import parts

    module = registry.load("task", task)
    raw = {
        "task": {"name": task, **SETTINGS.get(task, {})},
        "data": {"source": "sample", "sample": "support_intents"},
        "model": {**MODELS[module.Task.needs], **model},
        "text": {"vocabulary_size": VOCABULARY[module.Task.needs], "min_frequency": 1},
    }
    run = config.from_dict(raw, path.name)
    learned = module.Task.learn(run.task, EXAMPLES[task])
    models = registry.load("model", run.model.name)
    tokenizer = models.tokenizer(run.model, run.text, learned.texts(EXAMPLES[task]))
    learned.set_tokenizer(tokenizer, EXAMPLES[task], None)
    size = {"vocabulary_size": tokenizer.vocabulary_size}
    keras.utils.set_random_seed(1)
    model = assemble(run, learned, **size)
    spread(model)
    with writing(path) as draft:
        (draft.path / "config.yaml").write_text(config.dump(run), encoding="utf-8")
        tokenizer.save(draft.path / "text")
        learned.save(draft.path / "text")
        file = draft.path / "weights.safetensors"
        weights.save(model, file)

        def rebuild(batch_size, length):
            shape = {"batch_size": batch_size, "length": length}
            return assemble(run, learned, weights_file=file, **size, **shape)

        prepared = Prepared(run, learned)
        for name in artifacts or ARTIFACTS.get(task, ["litert_float32"]):
            exporter = registry.load("exporter", registry.artifacts()[name])
            exporter.export(
                [name],
                rebuild=rebuild,
                max_length=LENGTH,
                split=lambda whole: parts(prepared, whole),
                folder=draft.path,
            )
    return path


class Prepared:
    """What `parts` of the export stage reads of prepared data."""

    def __init__(self, run, task):
        self.config, self.task = run, task


def spread(model, scale=3.0):
    """Make the answers of random weights differ clearly from text to text."""
    for weight in model.weights:
        if "kernel" in weight.path or "embeddings" in weight.path:
            weight.assign(weight * scale)


def texts(task, count, seed=0):
    """Texts of every length, empty and too long ones among them; with gaps for masked_lm."""
    chance = random.Random(seed)
    found = []
    for number in range(count):
        size = (0, 1, 3 * LENGTH)[number] if number < 3 else chance.randint(1, LENGTH - 4)
        words = [chance.choice(WORDS) for _ in range(size)]
        if task == "masked_lm":
            for _ in range(chance.randint(0, 3)):
                words.insert(chance.randint(0, len(words)), "[MASK]")
        found.append(" ".join(words))
    return found
