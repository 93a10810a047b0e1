"""Labels that look alike are one label, in every source and of every kind."""

import json
import re
import unicodedata

import pytest
import regex
from hypothesis import given
from hypothesis import strategies as st

from tfapps import registry
from tfapps.data.sources import conll, csv, jsonl, tagged, tsv
from tfapps.errors import InputError
from tfapps.tasks import _heads, _labels, prompt
from tfapps.text import labels

COMPOSED, APART = "caf\u00e9", "cafe\u0301"


@pytest.mark.parametrize(
    ("spelling", "name"),
    [
        (APART, COMPOSED),
        ("\u200bspam", "spam"),
        ("sp\u00adam\ufeff", "spam"),
        ("e\u200d\u0301", "\u00e9"),
        ("a\u00a0 b\t", "a b"),
        ("\u3000\u597d", "\u597d"),
        ("\u2764\ufe0f", "\u2764"),
        ("Auf\u200clage", "Auflage"),
        ("\u06a9\u0627\u0631\u200c\u0647\u0627", "\u06a9\u0627\u0631\u0647\u0627"),
        ("\u0645\u06cc\u200c", "\u0645\u06cc"),
        ("\u200d\u0645\u06cc\u200c \u0645", "\u0645\u06cc \u0645"),
        ("\u0645\u06cc\u200c\u200c\u062e", "\u0645\u06cc\u200c\u062e"),
        ("\U0001f468\u200d", "\U0001f468"),
        ("\U0001f469\ufe0f\u200d\U0001f680", "\U0001f469\u200d\U0001f680"),
        ("a\U000e0067\U000e007f", "a"),
        ("\U0001f3f4\U000e0067", "\U0001f3f4"),
        ("1.0", "1"),
        ("-2.000", "-2"),
        ("-0.0", "0"),
        ("1.50", "1.50"),
        ("1.0.0", "1.0.0"),
        ("v1.0", "v1.0"),
        ("", ""),
    ],
)
def test_one_spelling(spelling, name):
    assert labels.normal(spelling) == name


# Words and emoji that look different without their joiners or tags.
JOINED = {
    "Persian": "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",
    "Persian with a vowel": "\u0645\u06cc\u0650\u200c\u062e",
    "Hindi half form": "\u0930\u094d\u200d\u092f",
    "Hindi without ligature": "\u0915\u094d\u200c\u0937",
    "Malayalam last letter": "\u0d05\u0d35\u0d28\u0d4d\u200d",
    "Sinhala": "\u0d9a\u0dca\u200d\u0dbb\u0dd3",
    "family": "\U0001f468\u200d\U0001f469\u200d\U0001f467",
    "woman of a skin colour in space": "\U0001f469\U0001f3fd\u200d\U0001f680",
    "rainbow flag": "\U0001f3f3\u200d\U0001f308",
    "flag of Wales": "\U0001f3f4\U000e0067\U000e0062\U000e0077\U000e006c\U000e0073\U000e007f",
}


@pytest.mark.parametrize("name", JOINED.values(), ids=JOINED)
def test_joiners_that_can_be_seen_stay(name):
    assert labels.normal(f"\u200b{name[0]}\u2060{name[1:]}\ufeff ") == name


PARTS = sorted(set("e\u0301 ".join(JOINED.values())))


@given(st.text() | st.text(st.sampled_from(PARTS)))
def test_the_normal_spelling_stays(text):
    name = labels.normal(text)
    assert labels.normal(name) == name
    assert unicodedata.is_normalized("NFC", name)


def test_a_character_that_is_never_seen_is_no_label():
    every = "".join(map(chr, [*range(0xD800), *range(0xE000, 0x110000)]))
    for character in regex.findall(r"\p{Default_Ignorable_Code_Point}", every):
        assert labels.normal(f"a{character}b") == "ab"
        assert labels.normal(character) == ""


CLASSES = [
    (tsv, "tsv", f"text\tlabel\na\t{COMPOSED}\nb\t{APART}\nc\t\u200b{COMPOSED}\n", {}),
    (csv, "csv", f"text,label\na,{COMPOSED}\nb,{APART}\nc,{COMPOSED}\u200b \n", {}),
    (
        jsonl,
        "jsonl",
        "".join(json.dumps({"text": "t", "label": y}) + "\n" for y in (COMPOSED, APART, APART)),
        {},
    ),
]


@pytest.mark.parametrize(("source", "ending", "content", "config"), CLASSES)
def test_classes_that_look_alike_are_one_and_it_is_logged(
    tmp_path, capsys, source, ending, content, config
):
    path = tmp_path / f"data.{ending}"
    path.write_text(content, "utf-8")
    rows = source.Source.read_file(source.Config(train="t", dev="d", **config), path)
    assert {row["label"] for row in rows} == {COMPOSED}
    out = capsys.readouterr().out
    assert f"{path}: spellings of labels normalised: " in out
    assert r"'cafe\u0301' is 'caf" in out
    assert re.search(r"\([12] of 3 times\)", out)


def test_several_labels_a_row(tmp_path):
    path = tmp_path / "data.csv"
    path.write_text(f"text,label\na,{COMPOSED}; {APART} ;1.0;1\n", "utf-8")
    config = csv.Config(train="t", dev="d", label_separator=";")
    assert csv.Source.read_file(config, path)[0]["label"] == [COMPOSED, "1"]
    path.write_text(json.dumps({"text": "a", "label": [APART, COMPOSED, 1, 1.0]}), "utf-8")
    assert jsonl.Source.read_file(jsonl.Config(train="t", dev="d"), path)[0]["label"] == [
        COMPOSED,
        "1",
    ]


def test_tags_and_intents(tmp_path, capsys):
    path = tmp_path / "data.conll"
    path.write_text(f"a B-{COMPOSED}\nb I-{APART}\n", "utf-8")
    (sentence,) = conll.read_file(conll.Config(), path)
    assert sentence["tags"] == [f"B-{COMPOSED}", f"I-{COMPOSED}"]
    rows = [{"tokens": ["a"], "tags": [f"B-{APART}"], "intent": y} for y in ("x\u200b", "x", 1.0)]
    path = tmp_path / "data.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    read = tagged.read_file(tagged.Config(label="intent"), path)
    assert [row["label"] for row in read] == ["x", "x", "1"]
    assert {row["tags"][0] for row in read} == {f"B-{COMPOSED}"}
    assert r"'x\u200b' is 'x' (1 of 2 times)" in capsys.readouterr().out


def test_plain_labels_are_not_logged(tmp_path, capsys):
    path = tmp_path / "data.tsv"
    path.write_text(f"text\tlabel\na\t {COMPOSED} \nb\t1\n", "utf-8")
    assert [r["label"] for r in tsv.Source.read_file(tsv.Config(train="t", dev="d"), path)][
        1
    ] == "1"
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("value", ["\u200b", "NaN"])
def test_a_label_that_is_not_seen_is_empty(tmp_path, value):
    path = tmp_path / "data.jsonl"
    shown = value if value == "NaN" else json.dumps(value)
    path.write_text(f'{{"text": "a", "label": {shown}}}\n')
    with pytest.raises(InputError, match=r"data.jsonl:1: label: empty label"):
        jsonl.Source.read_file(jsonl.Config(train="t", dev="d"), path)


def test_names_of_columns_that_look_alike(tmp_path):
    path = tmp_path / "data.csv"
    path.write_text(f"\u200btext ,{APART}\na,x\n", "utf-8")
    config = csv.Config(train="t", dev="d", label=COMPOSED)
    assert csv.Source.read_file(config, path) == [{"text": "a", "label": "x"}]
    path.write_text(json.dumps({"text": "a", APART: "x"}), "utf-8")
    config = jsonl.Config(train="t", dev="d", label=COMPOSED)
    assert jsonl.Source.read_file(config, path) == [{"text": "a", "label": "x"}]


# Tasks


def task_of(name, examples, **config):
    module = registry.load("task", name)
    return module.Task.learn(module.Config(**config), examples)


def test_an_unseen_label_in_another_script_is_distinguished():
    with pytest.raises(InputError, match="did you mean 'spam' \\(with LATIN SMALL LETTER A where"):
        _labels.check_seen(["sp\u0430m"], ["ham", "spam"])


def test_labels_of_earlier_runs_still_fit():
    _labels.check_seen(["1", COMPOSED], ["1.0", APART])
    assert _labels.numbered(["1.0", APART]) == {"1": 0, COMPOSED: 1}


@pytest.mark.parametrize("separator", [";", "|", ","])
def test_several_labels_in_one_text_are_refused(separator):
    spelt = ["a", "b", f"a{separator} b"]
    message = rf"label 'a. b' looks like several labels; set data.label_separator: '\{separator}'"
    with pytest.raises(InputError, match=message):
        task_of("classification", [{"text": "t", "label": y} for y in spelt], multi_label=True)
    task_of("classification", [{"text": "t", "label": y} for y in spelt])
    full = ["a", "b", f"c{separator} d"]
    task_of("classification", [{"text": "t", "label": y} for y in full], multi_label=True)


def test_labels_in_a_config_are_spelt_as_those_of_rows(tmp_path):
    assert prompt.Config(verbalizer={"1.0": "bad", APART: "good"}).verbalizer == {
        "1": "bad",
        COMPOSED: "good",
    }
    inputs = {"1.0": "bad", APART: "good"}
    assert _heads.label_texts(inputs, ["1", COMPOSED], None) == ["bad", "good"]
    path = tmp_path / "texts.tsv"
    path.write_text(f"\ufeff1.0\tbad\u2028thing\n{APART}\tgood\n", "utf-8")
    assert _heads.label_texts(str(path), ["1", COMPOSED], None) == ["bad\u2028thing", "good"]
    path = tmp_path / "texts.yaml"
    path.write_text(f"1.0: bad\n{APART}: good\n", "utf-8")
    assert _heads.label_texts(str(path), ["1", COMPOSED], None) == ["bad", "good"]
