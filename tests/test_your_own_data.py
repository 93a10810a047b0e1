"""What docs/how_to/your_own_data.md shows is read as it says: each file, each config."""

import gzip
import json
import re
from pathlib import PurePosixPath

import pyarrow
import pyarrow.parquet
import pytest
import yaml
import zstandard
from running import ROOT

from tfapps import registry
from tfapps.config import load as configs
from tfapps.data import splits
from tfapps.text import tag_forms
from tfapps.text import tags as schemes

GUIDE = (ROOT / "docs" / "how_to" / "your_own_data.md").read_text(encoding="utf-8")
FILES = {
    name: (content, encoding)
    for name, encoding, content in re.findall(
        r"^`([^`]+)`(?: \(in (\w+)\))?:\n\n```\n(.*?)```", GUIDE, re.MULTILINE | re.DOTALL
    )
}
EXAMPLES = [
    yaml.safe_load(part)["data"]
    for block in re.findall(r"```yaml\n(data:.*?)```", GUIDE, re.DOTALL)
    for part in re.split(r"^# or.*$", block, flags=re.MULTILINE)
]
PACKERS = {".gz": gzip.compress, ".zst": zstandard.compress}


def content_of(name):
    """A file's bytes: as shown, packed, made from the one beside it, or None for no file."""
    path = PurePosixPath(name)
    if path.suffix in PACKERS:
        plain = content_of(str(path.with_suffix("")))
        return None if plain is None else PACKERS[path.suffix](plain)
    if path.suffix == ".parquet":
        text, _ = FILES[str(path.with_suffix(".jsonl"))]
        rows = pyarrow.Table.from_pylist([json.loads(line) for line in text.splitlines()])
        pyarrow.parquet.write_table(rows, sink := pyarrow.BufferOutputStream())
        return sink.getvalue().to_pybytes()
    beside = str(path.with_name(f"train{path.suffix}"))
    shown = FILES.get(name) or (FILES.get(beside) if path.suffix else None)
    return shown and shown[0].encode(shown[1] or "utf-8")


def written(folder, data):
    """All files that an example may read, under a folder."""
    named = [data.get(split) for split in ("train", "dev", "test")]
    named = [name for part in named for name in (part if isinstance(part, list) else [part])]
    for name in {*FILES, *(name for name in named if isinstance(name, str))}:
        content = content_of(name)
        if content is not None:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(content)


def task_of(data):
    if data["source"] == "parallel":
        return {"name": "translation"}, {"name": "seq2seq_transformer"}
    bert = {"name": "bert", "size": "tiny"}
    if data["source"] in ("conll", "tagged"):
        return {"name": "intent_slots" if "label" in data else "tagging"}, bert
    if data["source"] == "corpus":
        return {"name": "masked_lm"}, bert
    return {"name": "classification", "multi_label": "label_separator" in data}, bert


SENTENCE = {"tokens": ["Ann", "Lee", "saw", "Rome"], "tags": ["B-PER", "I-PER", "O", "B-LOC"]}
DOCUMENTS = [["The first sentence.", "The second one."], ["Another document."]]


def expected(data):
    """What the rows of an example hold, in the order of the files."""
    if data["source"] == "corpus":
        return DOCUMENTS * len(data["train"])
    if data["source"] == "parallel":
        return [{"target": "Good morning!"}, {"target": "The dog sleeps."}]
    if data["train"].startswith("news/"):
        return [SENTENCE]
    if data["train"].startswith("trips"):
        return [{"tags": ["O", "O", "B-city"], "label": "book"}, {"label": "cancel"}]
    if "label_separator" in data:
        return [{"label": label} for label in (["delivery"], ["delivery", "refund"], [])]
    if "encoding" in data:
        return [{"label": "Zustellung"}, {"text": "Ich möchte es zurückgeben"}]
    subjects = ("Parcel ", "Money ") if isinstance(data.get("text"), list) else ("", "")
    return [
        {"text": subjects[0] + "Where is it, please?", "label": "delivery"},
        {"text": subjects[1] + "I want it back", "label": "refund"},
    ]


@pytest.mark.parametrize("data", EXAMPLES, ids=lambda data: yaml.safe_dump(data).replace("\n", " "))
def test_every_example_is_read(tmp_path, data):
    written(tmp_path, data)
    task, model = task_of(data)
    run = configs.from_dict({"task": task, "data": data, "model": model}, "example")
    if "dataset" in data:  # of TensorFlow Datasets: it would be downloaded
        return
    if "sample" in data:
        assert splits.load(run.data, 1)["train"]
        return
    train = list(splits.load(run.data.model_copy(update={"root": str(tmp_path)}), 1)["train"])
    examples = expected(data)
    assert len(train) == len(examples)
    for row, part in zip(train, examples, strict=True):
        assert row == (part if isinstance(part, list) else {**row, **part})


def test_every_source_has_an_example():
    assert {data["source"] for data in EXAMPLES} == set(registry.names("source"))
    shown = [name for name in FILES if not any(name in str(data) for data in EXAMPLES)]
    assert [name for name in shown if not name.startswith(("trips/", "talks/"))] == []


def test_every_row_of_the_table_of_tags_means_the_same():
    table = GUIDE.partition("| `scheme` |")[2].partition("\n\n")[0]
    rows = re.findall(r"^\| (?:`(\w+)`)? ?\| `([^`]+)` \|", table, re.MULTILINE)
    assert len(rows) == 8
    for scheme, written_tags in rows:
        tags = written_tags.split()
        form = tag_forms.detect([tags], "auto")
        rewritten = form.rewrite(tags, str)
        actual = scheme or schemes.scheme_of([rewritten])
        spans = schemes.spans(tag_forms.to_iob2(rewritten, form, actual))
        name = tag_forms.UNNAMED
        labels = [name, name] if form.kind == "letter" else ["PER", "LOC"]
        assert spans == [schemes.Span(labels[0], 0, 3), schemes.Span(labels[1], 4, 5)], tags
