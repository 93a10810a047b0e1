"""Sources read what is there and say in one line what is wrong."""

import csv as python_csv
import gzip
import io
import json
import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tfapps.data.sources import _records, _tables, csv, jsonl, tsv
from tfapps.errors import InputError

ROOT = Path(__file__).parent.parent
DATA = Path(os.environ.get("TFAPPS_DATA", ROOT.parent / "shared" / "data"))
SOURCES = {"tsv": tsv, "csv": csv, "jsonl": jsonl}


def _read(folder, source, content, labelled=True, **config):
    path = folder / f"data.{source}"
    path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))
    module = SOURCES[source]
    return module.Source.read_file(module.Config(train="t", dev="d", **config), path, labelled)


def _texts(folder, source, content, **config):
    return [(e["text"], e["label"]) for e in _read(folder, source, content, **config)]


# --- what is accepted


def test_plain_files_of_every_form(tmp_path):
    expected = [{"text": "good film", "label": "1"}, {"text": "bad, film", "label": "0"}]
    assert _read(tmp_path, "tsv", "label\ttext\n1\tgood film\n0\tbad, film\n") == expected
    assert _read(tmp_path, "csv", 'text,label\ngood film,1\n"bad, film",0\n') == expected
    lines = '{"text": "good film", "label": 1}\n\n{"label": "0", "text": "bad, film"}\n'
    assert _read(tmp_path, "jsonl", lines) == expected


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("form", ["tsv", "csv"])
def test_line_ends_byte_order_mark_and_blank_lines(tmp_path, form, end):
    cut = "\t" if form == "tsv" else ","
    rows = [f"label{cut}text", f"a{cut}one", "", f'b{cut}"two"', ""]
    expected = [("one", "a"), ("two", "b")]
    assert _texts(tmp_path, form, "\ufeff" + end.join(rows)) == expected


def test_gzip_is_transparent(tmp_path):
    path = tmp_path / "data.tsv.gz"
    path.write_bytes(gzip.compress("label\ttext\n1\tübung\n".encode()))
    config = tsv.Config(train="t", dev="d")
    assert tsv.Source.read_file(config, path) == [{"text": "übung", "label": "1"}]


def test_columns_pairs_and_labels(tmp_path):
    table = "title\tbody\tother\ttags\nT\tB\tP\tx; y;x\n\tB2\tP\t\n"
    config = {"text": ["title", "body"], "text_pair": "other", "label": "tags"}
    assert _read(tmp_path, "tsv", table, label_separator=";", **config) == [
        {"text": "T B", "text_pair": "P", "label": ["x", "y"]},
        {"text": "B2", "text_pair": "P", "label": []},
    ]


def test_json_labels_become_text(tmp_path):
    lines = "".join(json.dumps({"text": "t", "label": y}) + "\n" for y in (1, 2.5, True, " a "))
    assert [y for _, y in _texts(tmp_path, "jsonl", lines)] == ["1", "2.5", "true", "a"]
    assert _texts(tmp_path, "jsonl", '{"text": "t", "label": [1, "b", 1]}\n') == [("t", ["1", "b"])]
    assert _texts(tmp_path, "jsonl", '{"text": "t", "label": []}\n') == [("t", [])]


def test_unlabelled_files_need_no_label(tmp_path):
    for form, content in (("tsv", "text\nhello\n"), ("csv", "text\nhello\n")):
        assert _read(tmp_path, form, content, labelled=False) == [{"text": "hello", "label": None}]
    lines = '{"text": "hello", "label": {}}\n'
    assert _read(tmp_path, "jsonl", lines, labelled=False) == [{"text": "hello", "label": None}]


def test_a_megabyte_in_a_field(tmp_path):
    for form, cut in (("tsv", "\t"), ("csv", ",")):
        text = "long " * 300_000
        got = _texts(tmp_path, form, f"label{cut}text\n1{cut}{text}\n")
        assert got == [(text, "1")]


# --- quotes in tab-separated files


@pytest.mark.parametrize(
    ("field", "text"),
    [
        ('"quoted"', "quoted"),
        ('"said ""hi"" twice"', 'said "hi" twice'),
        ('"two\nlines"', "two\nlines"),
        ('"two\r\nlines, "" and\nthree"', 'two\r\nlines, " and\nthree'),
        ('"a\ttab"', "a\ttab"),
        ('"open', '"open'),
        ('close"', 'close"'),
        ('"', '"'),
        ('"""', '"""'),
        ('"King" Tut "age."', '"King" Tut "age."'),
        ('a "b" c', 'a "b" c'),
        ('"b" c', '"b" c'),
        ('5" disk', '5" disk'),
    ],
)
def test_tsv_quotes(tmp_path, field, text):
    # Neighbours with quotes of their own are where a careless reader starts to swallow lines.
    for before, after in (("one", "two"), ('"one', 'two"'), ('5"', '"7'), ('"x"', '"y"')):
        content = f"label\ttext\na\t{before}\nb\t{field}\nc\t{after}\n"
        expected = [(before.strip('"') if before == '"x"' else before, "a"), (text, "b")]
        expected.append((after.strip('"') if after == '"y"' else after, "c"))
        assert _texts(tmp_path, "tsv", content) == expected


def test_tsv_quote_in_the_first_column(tmp_path):
    content = 'text\tlabel\n"open\t1\nclose"\t2\n"two\nlines"\t3\n"5\t4\n'
    expected = [('"open', "1"), ('close"', "2"), ("two\nlines", "3"), ('"5', "4")]
    assert _texts(tmp_path, "tsv", content) == expected


def test_tsv_of_one_column_never_joins_lines(tmp_path):
    got = _read(tmp_path, "tsv", 'text\n"open\nclose"\n"both"\n', labelled=False)
    assert [e["text"] for e in got] == ['"open', 'close"', "both"]


FIELD = st.text(st.sampled_from("ab \"'é,"), min_size=1, max_size=8)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(FIELD, FIELD, FIELD), min_size=1, max_size=8))
def test_tsv_rows_are_lines_whatever_the_quotes(rows):
    text = "x\ty\tz\n" + "".join("\t".join(row) + "\n" for row in rows)
    records = list(_tables._tab_records(text))[1:]
    assert [line for line, _ in records] == list(range(2, len(rows) + 2))
    for (_, fields), row in zip(records, rows, strict=True):
        for field, written in zip(fields, row, strict=True):
            unquoted = written[1:-1].replace('""', '"')
            assert field in (written, unquoted)


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(["\t", ","]),
    st.lists(
        st.tuples(FIELD, st.text(st.sampled_from('ab"\n\r\t,'), min_size=1, max_size=8)),
        min_size=1,
        max_size=6,
    ),
)
def test_what_python_writes_quoted_comes_back(cut, rows):
    # A quoted field with both a tab and a line end is the one thing the tsv reader gives up on.
    rows = [(a, b) for a, b in rows if cut == "," or not ("\t" in b and "\n" in b)]
    out = io.StringIO(newline="")
    writer = python_csv.writer(
        out, delimiter=cut, quoting=python_csv.QUOTE_ALL, lineterminator="\n"
    )
    writer.writerows([("x", "y"), *rows])
    text = out.getvalue()
    read = (
        _tables._tab_records(text) if cut == "\t" else _tables._quoted_records(Path("f"), text, ",")
    )
    assert [tuple(fields) for _, fields in read][1:] == rows


# --- where files are looked for


def test_files_are_looked_up_under_root_then_here(tmp_path, monkeypatch):
    here, root, env = (tmp_path / name for name in ("here", "root", "env"))
    for folder in (here, root, env):
        folder.mkdir()
        (folder / "t.tsv").write_text(f"text\tlabel\n{folder.name}\t1\n")
    (here / "only.tsv").write_text("text\tlabel\nonly\t1\n")
    monkeypatch.chdir(here)
    monkeypatch.setenv("TFAPPS_DATA", str(env))

    def first(name, root):
        return tsv.Source.read(tsv.Config(train=name, dev="d", root=root), "train")[0]["text"]

    assert first("t.tsv", str(root)) == "root"
    assert first("t.tsv", None) == "env"
    assert first("only.tsv", str(root)) == "only"
    assert first(str(here / "t.tsv"), str(root)) == "here"
    config = tsv.Config(train="t.tsv", dev="d", root=str(root))
    assert tsv.Source.read_file(config, "t.tsv")[0]["text"] == "here"
    monkeypatch.delenv("TFAPPS_DATA")
    assert first("t.tsv", None) == "here"


def test_missing_file_names_the_places(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config = tsv.Config(train="none.tsv", dev="d", root=str(tmp_path / "root"))
    with pytest.raises(InputError) as caught:
        tsv.Source.read(config, "train")
    for place in (tmp_path / "root" / "none.tsv", tmp_path / "none.tsv"):
        assert str(place) in str(caught.value)
    assert "set data.root or TFAPPS_DATA" in str(caught.value)


def test_folder_instead_of_a_file(tmp_path):
    with pytest.raises(InputError, match="is a folder, expected a file"):
        tsv.Source.read(tsv.Config(train=str(tmp_path), dev="d"), "train")


def test_split_that_is_no_file():
    with pytest.raises(InputError, match=r"data\.dev: got 0\.1, expected a file"):
        tsv.Source.read(tsv.Config(train="t", dev=0.1), "dev")
    with pytest.raises(InputError, match=r"data\.test: got None, expected a file"):
        tsv.Source.read(tsv.Config(train="t", dev=0.1), "test")


# --- published row counts


@pytest.mark.parametrize(
    ("file", "rows", "columns", "labels"),
    [
        ("sst2/train.tsv", 6920, {"text": "sentence"}, 2),
        ("sst2/dev.tsv", 872, {"text": "sentence"}, 2),
        ("financial_phrasebank/train.tsv", 3469, {"text": "sentence"}, 3),
        ("financial_phrasebank/dev.tsv", 400, {"text": "sentence"}, 3),
        ("ag_news/train.tsv.gz", 13931, {}, 4),
        ("ag_news/dev.tsv", 1000, {}, 4),
        ("chnsenticorp/train.tsv.gz", 9600, {}, 2),
        ("chnsenticorp/dev.tsv", 1200, {}, 2),
        ("tnews/dev.tsv", 3000, {}, 15),
        ("banking77/train.csv", 9003, {"label": "category"}, 77),
        ("banking77/dev.csv", 1000, {"label": "category"}, 77),
        ("bbc_news/dev.jsonl", 225, {"text": ["title", "text"]}, 5),
        ("reuters21578/train.jsonl.gz", 9603, {"text": ["title", "body"], "label": "topics"}, None),
    ],
)
def test_row_counts_of_real_files(file, rows, columns, labels):
    if not (DATA / file).is_file():
        pytest.skip(f"needs {DATA / file}: set TFAPPS_DATA to the data folder")
    module = SOURCES[_records.form_of(file).name]
    examples = module.Source.read(
        module.Config(train=file, dev="d", root=str(DATA), **columns), "train"
    )
    assert len(examples) == rows
    if labels is not None:
        assert len({e["label"] for e in examples}) == labels
    else:
        assert sum("earn" in e["label"] for e in examples) == 2877
