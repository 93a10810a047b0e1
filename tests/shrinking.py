"""Shipped configs at tiny size, and files of the same form as their data."""

import csv
import gzip
import io
import json

import tiny

from tfapps import registry


def tiny_options(raw):
    """Overrides that make the model and the task of a config small."""
    small = registry.load("model", raw["model"]["name"]).Config.tiny
    preset = {"preset": None} if "preset" in raw["model"] else {}
    sections = {"model": {**preset, **small}, "task": tiny.of(raw["task"]["name"]).quick}
    return [
        f"{section}.{key}={json.dumps(value)}"
        for section, options in sections.items()
        for key, value in options.items()
    ]


def small(raw):
    """The verb, and overrides of what else takes long, or needs the preset that is left out."""
    more = []
    if "store" in raw.get("tuning", {}):
        more.append("tuning.store=weights")
    if "verify" in raw:
        more.append("verify=null")  # limits are of the real model
    if "ensemble" in raw:
        return ["ensemble", *more, "ensemble.members=2"]
    return ["run", *more]


WORDS = {"a": ["bread", "milk", "salt"], "b": ["screw", "nail", "bolt"], "c": ["ball", "bat"]}


def rows(raw, count, labels):
    """Toy rows with the columns that a config names."""
    texts = raw["text"] if isinstance(raw["text"], list) else [raw["text"]]
    built = []
    for i in range(count):
        row = dict.fromkeys(texts, f"the {WORDS['abc'[i % 3]][i % 2]} and row {i}")
        built.append({**row, raw["label"]: labels[i % 3]})
    return built


def content(source, rows, many):
    """The rows in the file format of a source."""
    if source == "jsonl":
        label = list(rows[0])[-1]
        ready = [{**row, label: [row[label]]} if many else row for row in rows]
        return "".join(json.dumps(row) + "\n" for row in ready)
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), delimiter="\t" if source == "tsv" else ",")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def write_pairs(folder, data):
    """Toy pairs, for a data set of TFDS as well."""
    overrides = []
    for split, count in (("train", 48), ("dev", 12), ("test", 12)):
        name = data[split] if {"dataset", "sample"}.isdisjoint(data) else f"pairs/{split}"
        overrides += [f"data.{split}={name}"]
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        for language in data["languages"]:
            lines = [f"the {WORDS['abc'[i % 3]][i % 2]} and row {i}\n" for i in range(count)]
            (folder / f"{name}.{language}").write_text("".join(lines))
    overrides += ["data.dataset=null", "data.sample=null"]
    return [*overrides, "text.vocabulary_size=60", "train.precision=float32"]


def write_tagged(folder, data):
    """Toy sentences of tagged words: CoNLL columns, or folders of parallel lines."""
    for split, count in (("train", 48), ("dev", 12)):
        lines = [(f"the {WORDS['abc'[i % 3]][i % 2]} {i}", "O B-THING O") for i in range(count)]
        target = folder / data[split]
        if data["source"] == "conll":
            pairs = [zip(words.split(), tags.split(), strict=True) for words, tags in lines]
            text = "\n".join("".join(f"{word} {tag}\n" for word, tag in pair) for pair in pairs)
            target.parent.mkdir(parents=True, exist_ok=True)
            packed = gzip.compress(text.encode()) if target.suffix == ".gz" else text.encode()
            target.write_bytes(packed)
            continue
        target.mkdir(parents=True)
        for name, side in (("seq.in", 0), ("seq.out", 1)):
            (target / name).write_text("".join(f"{line[side]}\n" for line in lines))
        (target / "label").write_text("".join(f"{'abc'[i % 3]}\n" for i in range(count)))
    return []


def write_corpus(folder):
    """Toy text, for a data set of TFDS as well."""
    for split, count in (("train", 40), ("dev", 8)):
        lines = [f"the {WORDS['abc'[i % 3]][i % 2]} and row {i}" for i in range(count)]
        lines = [f"{line}\nthen another\nand the end\n" for line in lines]
        (folder / f"{split}.txt").write_text("\n".join(lines))
    names = ["data.train=train.txt", "data.dev=dev.txt", "data.dataset=null", "data.sample=null"]
    names.append("train.short_first=null")
    return [*names, "train.strategy=auto", "train.precision=float32", "train.evaluate_every=null"]


def write_data(folder, raw, task):
    """Files under `folder` where the config looks for them; returns overrides, if any."""
    data, labels = raw["data"], tiny.of(task["name"]).labels
    if data["source"] == "corpus":
        return write_corpus(folder)
    if data["source"] in ("conll", "tagged") and "sample" not in data:
        return write_tagged(folder, data)
    if data["source"] == "parallel":
        return write_pairs(folder, data)
    if "sample" in data:
        return ["data.limit=600"]
    if data["source"] == "tfds":
        text = content("tsv", rows(data, 48, labels), False)
        (folder / "train.tsv").write_text(text)
        columns = {key: data[key] for key in ("text", "label")}
        twin = {"source": "tsv", "train": "train.tsv", "dev": 0.25, **columns}
        return [f"data={json.dumps(twin)}"]
    for split, count in (("train", 48), ("dev", 12)):
        if not isinstance(data[split], str):
            continue
        text = content(data["source"], rows(data, count, labels), task.get("multi_label"))
        target = folder / data[split]
        target.parent.mkdir(parents=True, exist_ok=True)
        packed = gzip.compress(text.encode()) if target.suffix == ".gz" else text.encode()
        target.write_bytes(packed)
    return []


def options(folder, raw):
    """Write data under `folder`, and return the overrides of a run at tiny size."""
    epochs = min(raw["train"].get("epochs", 1), 1)
    overrides = [f"train.epochs={epochs}", "train.batch_size=16", "train.batch_tokens=null"]
    overrides += ["train.per_label=4"] if "per_label" in raw["train"] else []
    overrides += ["text.min_frequency=1", "text.vocabulary_size=300"]
    overrides += tiny_options(raw) + write_data(folder, raw, raw["task"])
    if raw.get("compress"):
        quick = [{**item, "epochs": 1} for item in raw["compress"]]
        overrides.append(f"compress={json.dumps(quick)}")
    return overrides
