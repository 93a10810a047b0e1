"""The generator of customer questions: varied, clean, free of names."""

import random
import re

import pytest

from tfapps.errors import InputError
from tools.samples import build, grammar, intents

FOLDER = build.SAMPLES / "support_intents"
BRANDS = re.compile(
    r"\b(amazon|ebay|paypal|mastercard|klarna|iphone|google|samsung|microsoft|sony"
    r"|alexa|siri|netflix|spotify|ikea|zalando|dhl|fedex|ups|hermes|wikipedia|youtube)\b",
    re.IGNORECASE,
)
PERSONAL = re.compile(r"@|https?:|www\.|\d{7,}|\+\d{2}|\b(mr|mrs|ms|dr)\b\.?", re.IGNORECASE)


def read(split):
    lines = (FOLDER / f"{split}.tsv").read_text(encoding="utf-8").splitlines()
    assert lines[0] == "text\tlabel"
    return [tuple(line.split("\t")) for line in lines[1:]]


@pytest.fixture(scope="module")
def rows():
    return {split: read(split) for split in intents.SPLITS}


@pytest.fixture(scope="module")
def generated():
    return intents.generate(FOLDER / "grammar")


@pytest.mark.slow
def test_every_label_has_many_structures_and_some_that_train_never_shows(generated):
    for intent in intents.read_folder(FOLDER / "grammar")[0]:
        used = {
            split: {row.structure for row in rows if row.label == intent.name}
            for split, rows in generated.items()
        }
        assert len(used["train"]) >= 10, intent.name
        assert used["dev"] - used["train"], intent.name
        assert used["test"] - used["train"] - used["dev"], intent.name


def test_texts_are_short_clean_and_name_nobody(rows):
    for text, _ in (row for split in rows.values() for row in split):
        assert 0 < len(text) <= 200
        assert text == " ".join(text.split())
        assert not set("(){}|") & set(text), text
        assert not PERSONAL.search(text), text
        assert not BRANDS.search(text), text


def test_expand_draws_every_alternative():
    drawn = {
        grammar.expand("(a|the) {x}(|, please)", {"x": "(hat|cap)"}, random.Random(n))
        for n in range(200)
    }
    assert len(drawn) == 8
    assert {"a hat", "the cap, please"} <= drawn


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("(a|b", r"pattern '\(a\|b': '\(' does not close"),
        ("a)", r"pattern 'a\)': got '\)' outside brackets"),
        ("{x", r"slot \{x does not close"),
        ("{y}", "unknown slot 'y': x"),
    ],
)
def test_the_error_for_a_broken_pattern_names_the_fault(pattern, message):
    with pytest.raises(InputError, match=message):
        grammar.expand(pattern, {"x": "1"}, random.Random(1))


def test_an_empty_grammar_file_is_refused(tmp_path):
    (tmp_path / "empty.txt").write_text("# nothing\n@count 3\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"empty\.txt: no structure in it"):
        grammar.read_grammar(tmp_path / "empty.txt")


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("@context ordr", "hello.txt: got @context ordr, expected one of none, order"),
        ("@count many", "hello.txt: got @count many, expected a whole number"),
    ],
)
def test_a_wrong_setting_names_the_file(tmp_path, setting, message):
    (tmp_path / "_slots.txt").write_text("x: 1\n", encoding="utf-8")
    (tmp_path / "_context_order.txt").write_text("I ordered.\n", encoding="utf-8")
    (tmp_path / "hello.txt").write_text(f"{setting}\nhello\n", encoding="utf-8")
    with pytest.raises(InputError, match=message):
        intents.generate(tmp_path)


def test_weights_and_settings_are_read(tmp_path):
    (tmp_path / "hello.txt").write_text("@count 7\n3* hi there\nhello\n", encoding="utf-8")
    hello = grammar.read_grammar(tmp_path / "hello.txt")
    assert hello == grammar.Grammar("hello", ("hi there", "hello"), (3, 1), {"count": "7"})


def test_a_typo_changes_one_longer_word_a_little():
    typos = {grammar.add_typo("a parcel", random.Random(n)) for n in range(40)}
    assert len(typos) > 5
    assert all(abs(len(typo) - len("a parcel")) <= 1 and typo[:3] == "a p" for typo in typos)
    assert grammar.add_typo("to me", random.Random(1)) == "to me"
