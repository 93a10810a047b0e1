"""A tiny trained run of every task, for whatever must hold for all of them."""

import json

import yaml
from running import tfapps

BERT = {"name": "bert", "size": "tiny", "max_length": 16}
FRUIT, TOOLS = ("apple", "pear", "plum"), ("hammer", "saw", "drill")
TSV = {"source": "tsv", "train": "train.tsv", "dev": "dev.tsv"}
RUNS = {
    "classification": {"data": TSV},
    "pairs": {"task": {"name": "classification"}, "data": {**TSV, "text_pair": "other"}},
    "many_labels": {
        "task": {"name": "classification", "multi_label": True},
        "data": {"source": "jsonl", "train": "train.jsonl", "dev": "dev.jsonl"},
    },
    "tagging": {"data": {"source": "conll", "train": "train.conll", "dev": "dev.conll"}},
    "intent_slots": {
        "data": {"source": "tagged", "train": "train", "dev": "dev", "label": "label"}
    },
    "translation": {
        "task": {"name": "translation", "beam": 2},
        "data": {"source": "parallel", "languages": ["de", "en"], "train": "train", "dev": "dev"},
        "model": {"name": "seq2seq_lstm", "units": 8, "embedding_size": 8, "max_length": 12},
    },
    "masked_lm": {"data": {"source": "corpus", "train": "train.txt", "dev": "dev.txt"}},
    "prompt": {
        "task": {
            "name": "prompt",
            "pattern": "the [MASK]: {text}",
            "verbalizer": {"fruit": "pear", "tool": ["saw", "drill"]},
        },
        "data": TSV,
        "model": {"name": "bert", "preset": "saved_models/masked_lm", "max_length": 16},
    },
}
NEEDS = {"prompt": ("masked_lm",)}


def task_of(name):
    """The task of a tiny run."""
    return RUNS[name].get("task", {"name": name})["name"]


def write_data(folder, split, count):
    """The same few sentences in the file format of every source."""
    rows = []
    for i in range(count):
        kind, words = (("fruit", FRUIT), ("tool", TOOLS))[i % 2]
        rows.append((kind, f"I want the {words[i // 2 % 3]} number {i % 9}"))

    def write(name, lines):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")

    texts = [text for _, text in rows]
    write(f"{split}.tsv", ["text\tother\tlabel", *(f"{t}\tnot {t}\t{kind}" for kind, t in rows)])
    many = [{"text": t, "label": [[], [k], [k, "any"]][i % 3]} for i, (k, t) in enumerate(rows)]
    write(f"{split}.jsonl", map(json.dumps, many))
    tags = "O O O B-THING O B-NUMBER"
    tagged = [zip(text.split(), tags.split(), strict=True) for text in texts]
    write(f"{split}.conll", ["".join(f"{word} {tag}\n" for word, tag in one) for one in tagged])
    write(f"{split}/seq.in", texts)
    write(f"{split}/seq.out", [tags] * count)
    write(f"{split}/label", [kind for kind, _ in rows])
    write(f"{split}.de", texts)
    write(f"{split}.en", [text.upper() for text in texts])
    write(f"{split}.txt", [f"{text}\nthen it is gone\n" for text in texts])


def write_config(folder, name):
    """The config of a tiny run as a file."""
    raw = {
        "task": {"name": name},
        "model": BERT,
        "text": {"vocabulary_size": 90, "min_frequency": 1},
        "train": {"epochs": 1, "batch_size": 16, "learning_rate": 1e-3},
        "export": ["litert_float32"],
        **RUNS[name],
    }
    if "preset" in raw["model"]:
        del raw["text"]
    (folder / f"{name}.yaml").write_text(yaml.safe_dump(raw), encoding="utf-8")


def train(folder, name):
    """Train and export a tiny run, and those that it starts from."""
    for needed in NEEDS.get(name, ()):
        train(folder, needed)
    if (folder / "saved_models" / name).exists():
        return
    done = tfapps("run", f"{name}.yaml", cwd=folder)
    assert done.returncode == 0, done.stderr + done.stdout
