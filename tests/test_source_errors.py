"""What the file sources refuse, each in one clear line."""

import gzip
import os

import pytest

from tfapps.data.sources import csv, jsonl, tsv
from tfapps.errors import InputError

SOURCES = {"tsv": tsv, "csv": csv, "jsonl": jsonl}


def _read(folder, source, content, labelled=True, **config):
    path = folder / f"data.{source}"
    path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))
    module = SOURCES[source]
    return module.Source.read_file(module.Config(train="t", dev="d", **config), path, labelled)


REFUSED = [
    ("tsv", "", "data.tsv: the file is empty"),
    ("csv", "\n \n", "data.csv: the file is empty"),
    ("jsonl", "\ufeff\n", "data.jsonl: the file is empty"),
    ("tsv", "label\ttext\n", r"data.tsv: only a header \(label, text\), no rows"),
    ("csv", "label,text\n", r"data.csv: only a header \(label, text\), no rows"),
    (
        "tsv",
        "label\ttexts\n1\tx\n",
        "no column 'text'; available: label, texts; did you mean 'texts'",
    ),
    ("csv", "label,sentence\n1,x\n", "no column 'text'; available: label, sentence$"),
    ("tsv", "label\ttext\n1\tx\nword\n", r":3: 1 field, expected 2 \(label, text\)"),
    ("tsv", "label\ttext\n1\tx\ty\n", r":2: 3 fields, expected 2 \(label, text\)"),
    ("csv", "label,text\n1,x\n\n1,x,y\n", r":4: 3 fields, expected 2 \(label, text\)"),
    ("tsv", 'label\ttext\n1\t"a\nb"\nshort\n', r":4: 1 field, expected 2"),
    ("csv", 'label,text\n1,"a\nb"\nshort\n', r":4: 1 field, expected 2"),
    ("csv", 'label,text\n1,x\n1,"open\n2,y\n', r":3: unexpected end of data; a quoted field must"),
    ("csv", 'label,text\n1,"a" b\n', r":2: ',' expected after '\"'; a quoted field must"),
    ("tsv", "text\ttext\n1\tx\n", r"column 'text' appears 2 times, expected once"),
    ("tsv", "text\t\n1\tx\n", r"no column 'label'; available: text, 1 without a name"),
    ("tsv", b"label\ttext\n1\tx\n1\t\xff\n", r"data.tsv:3: byte 0xff is not UTF-8; save"),
    ("csv", "\ufefflabel,text\n1,".encode() + b"\xe4\n", r"data.csv:2: byte 0xe4 is not UTF-8"),
    ("csv", "label,text\n1,x\n1,a\0b\n", r"data.csv:3: NUL byte, expected text"),
    ("tsv", "label\ttext\n\tx\n", r":2: label: empty label"),
    ("tsv", "label\ttext\n1\t \n", r":2: empty text \(text\); fill it or drop the row"),
    ("csv", 'label,text\n1,""\n', r":2: empty text"),
    (
        "jsonl",
        '{"text": "t", "label": 1}\n{"text": \n',
        r":2: not JSON \(Expecting value\), expected",
    ),
    ("jsonl", "[" * 100_000, r":1: not JSON \(.*nested too deeply\)"),
    ("jsonl", '{"text": "t", "label": %s}' % ("9" * 5000), r":1: not JSON \(a number too long"),
    ("jsonl", '["t", 1]\n', r':1: \["t", 1\], expected a JSON object'),
    ("jsonl", '{"text": "t"}\n', r":1: no key 'label'; available: text"),
    ("jsonl", '{"txt": "t", "label": 1}\n', r":1: no key 'text'; .*did you mean 'txt'"),
    ("jsonl", '{"text": 5, "label": 1}\n', r":1: text is 5, expected text"),
    ("jsonl", '{"text": "t", "label": null}\n', r":1: label is null, expected a text, a number"),
    ("jsonl", '{"text": "t", "label": {"a": 1}}\n', r':1: label is {"a": 1}, expected a text'),
    ("jsonl", '{"text": "t", "label": ["a", ["b"]]}\n', r':1: label is \["b"\], expected a text'),
    ("jsonl", '{"text": "t", "label": ""}\n', r":1: label: empty label"),
    (
        "jsonl",
        '{"text": "t", "label": ["a"]}\n{"text": "t", "label": "a"}\n',
        "1 of 2 rows have a list of labels, the others a single one",
    ),
]


@pytest.mark.parametrize(("form", "content", "message"), REFUSED)
def test_refused_in_one_line(tmp_path, form, content, message):
    with pytest.raises(InputError, match=message) as caught:
        _read(tmp_path, form, content)
    assert "\n" not in str(caught.value)


def test_empty_pair(tmp_path):
    with pytest.raises(InputError, match=r":2: empty other; fill it"):
        _read(tmp_path, "tsv", "text\tother\tlabel\na\t\t1\n", text_pair="other")


def test_empty_label_in_a_list(tmp_path):
    with pytest.raises(InputError, match=r":2: label: empty label"):
        _read(tmp_path, "tsv", "text\tlabel\na\tx;;y\n", label_separator=";")


@pytest.mark.parametrize("damage", [lambda b: b[:-9], lambda b: b[:12]])
def test_damaged_gzip(tmp_path, damage):
    path = tmp_path / "data.tsv.gz"
    path.write_bytes(damage(gzip.compress(b"label\ttext\n" + b"1\tx\n" * 100)))
    with pytest.raises(InputError, match=r"data\.tsv\.gz: damaged gzip file"):
        tsv.Source.read_file(tsv.Config(train="t", dev="d"), path)


def test_flipped_byte_in_gzip(tmp_path):
    content = bytearray(gzip.compress(os.urandom(50).hex().encode() * 20))
    content[len(content) // 2] ^= 255
    (tmp_path / "data.tsv.gz").write_bytes(content)
    with pytest.raises(InputError, match="damaged gzip file"):
        tsv.Source.read_file(tsv.Config(train="t", dev="d"), tmp_path / "data.tsv.gz")
