"""The generator of news: tagged well, and not to be known by heart."""

import re
from collections import Counter, defaultdict

import pytest

from tfapps.data.sources import conll
from tfapps.errors import InputError
from tfapps.text import tags
from tools.samples import build, entities
from tools.samples.news import names, tagged
from tools.samples.news.tagged import Word

FOLDER = build.SAMPLES / "entities"
CONFIG = conll.Config(sample="entities", test="test")
LABELS = ("PER", "LOC", "ORG", "MISC")


@pytest.fixture(scope="module")
def sentences():
    return {split: conll.read(CONFIG, split) for split in entities.SIZES}


@pytest.fixture(scope="module")
def mentions(sentences):
    """Every name as (document, case-folded text, label)."""
    return {
        split: [
            (each["document"], " ".join(each["tokens"][start:end]).casefold(), label)
            for each in rows
            for label, start, end in tags.spans(each["tags"])
        ]
        for split, rows in sentences.items()
    }


def labels_of(entities):
    labels = defaultdict(set)
    for _, name, label in entities:
        labels[name].add(label)
    return labels


# --- the files


def test_the_sizes_are_as_planned(sentences):
    for split, size in entities.SIZES.items():
        assert size <= len(sentences[split]) < size + entities.LENGTHS.stop


def test_documents_are_marked_and_short():
    for split in entities.SIZES:
        text = (FOLDER / f"{split}.conll").read_text(encoding="utf-8")
        documents = text.split("-DOCSTART-\tO\n\n")
        assert documents[0] == ""
        for document in documents[1:]:
            assert len(document.strip("\n").split("\n\n")) in range(3, 9), document


def test_the_tags_are_iob2(sentences, capsys):
    seen = set()
    for rows in sentences.values():
        assert tags.scheme_of(each["tags"] for each in rows) == "iob2"
        for each in rows:
            assert tags.to_iob2(each["tags"], "iob2") == each["tags"]
            seen |= set(each["tags"])
    assert seen == {"O", *(f"{prefix}-{label}" for prefix in "BI" for label in LABELS)}
    conll.read(CONFIG, "train")
    assert capsys.readouterr().out == ""  # nothing had to be mended


def test_words_are_split_as_in_conll(sentences):
    word = re.compile(r"\d+\.|\d+([.,:-]\d+)*|'s|[^\W\d_]+(-[^\W\d_]+)*|[A-Z]\.|[.,:;\"?!()&-]")
    for each in (each for rows in sentences.values() for each in rows):
        assert [token for token in each["tokens"] if not word.fullmatch(token)] == []
        text = " ".join(each["tokens"])
        assert re.match(r"[A-Z0-9\"]", text), text
        assert not re.search(r"\ba [aeio]|\ban (?!hour|[aeiouAEIOU])", text), text


# --- what it asks of a model


@pytest.mark.parametrize("split", ["dev", "test"])
def test_half_of_the_names_are_new(mentions, split):
    known = {name for _, name, _ in mentions["train"]}
    different = {name for _, name, _ in mentions[split]}
    assert 0.45 < len(different - known) / len(different) < 0.55


def test_some_surnames_are_new_as_words(sentences):
    known = {token.casefold() for each in sentences["train"] for token in each["tokens"]}
    for split in ("dev", "test"):
        new = [
            token
            for each in sentences[split]
            for token, tag in zip(each["tokens"], each["tags"], strict=True)
            if tag != "O" and token.casefold() not in known
        ]
        assert len(new) > 150


def test_some_names_are_only_clear_from_the_context(mentions):
    labels = labels_of(mentions["train"])
    ambiguous = {name for name in labels if len(labels[name]) > 1}
    assert len(ambiguous) > 60
    assert len([name for name in ambiguous if {"PER", "LOC", "ORG"} <= labels[name]]) > 15
    for split, least in (("train", 0.15), ("dev", 0.08), ("test", 0.08)):
        entities = mentions[split]
        assert sum(name in ambiguous for _, name, _ in entities) > least * len(entities), split
        assert [name for name, seen in labels_of(entities).items() if len(seen) > 1], split


def test_some_names_are_words_in_lower_case(sentences):
    tokens = Counter()
    for each in (each for rows in sentences.values() for each in rows):
        for token, tag in zip(each["tokens"], each["tags"], strict=True):
            tokens[token if tag == "O" else f"{tag[2:]} {token.lower()}"] += 1
    for name in ("PER rose", "PER will", "LOC deal", "LOC march", "ORG fern", "MISC polish"):
        assert tokens[name] > 0, name
    shared = [name for name in tokens if name[:3] in LABELS and tokens[name.split()[1]]]
    assert len(shared) > 30


@pytest.mark.parametrize("split", entities.SIZES)
def test_a_document_names_again_what_it_has_named(mentions, split):
    documents = defaultdict(list)
    for document, name, label in mentions[split]:
        documents[document].append((name, label))
    again = [names for names in documents.values() if len(set(names)) < len(names)]
    assert len(again) > 0.75 * len(documents)
    alone = after = 0
    for people in documents.values():
        full = {name.split()[-1] for name, label in people if label == "PER" and " " in name}
        last = [name for name, label in people if label == "PER" and " " not in name]
        alone += len(last)
        after += sum(name in full for name in last)
    assert alone > 50
    assert 0.75 * alone < after < alone


@pytest.mark.parametrize("split", entities.SIZES)
def test_headlines_in_capitals_and_sentences_without_names(sentences, split):
    rows = sentences[split]
    capitals = [
        each for each in rows if re.fullmatch(r"[A-Z0-9 ,&'.-]{8,}", " ".join(each["tokens"]))
    ]
    capitals = [each for each in capitals if len(re.findall("[A-Z]{3,}", str(each["tokens"]))) > 2]
    assert 0.02 < len(capitals) / len(rows) < 0.08
    assert sum("B-" in " ".join(each["tags"]) for each in capitals) > 0.8 * len(capitals)
    assert 0.03 < sum(set(each["tags"]) == {"O"} for each in rows) / len(rows) < 0.12


# --- the grammar


@pytest.mark.parametrize(
    ("marked", "expected"),
    [
        ("a [PER Bo Ek]'s win, 2-1.", "A B-PER:Bo I-PER:Ek 's win , 2-1 ."),
        ("1. [PER Bo] <[LOC Oslo]> 2:12.4", "1. B-PER:Bo ( B-LOC:Oslo ) 2:12.4"),
        ('"yes," [PER Bo] said, "no."', '" Yes , " B-PER:Bo said , " no . "'),
        ("it cost 1,100 euros. a [MISC Irish] one", "It cost 1,100 euros . an B-MISC:Irish one"),
        ("[PER J. Bo-Ek] [ORG A & B]", "B-PER:J. I-PER:Bo-Ek B-ORG:A I-ORG:& I-ORG:B"),
    ],
)
def test_marked_text_to_words(marked, expected):
    actual = (
        word.text if word.tag == "O" else f"{word.tag}:{word.text}" for word in tagged.words(marked)
    )
    assert " ".join(actual) == expected


def test_a_brief_name_waits_for_the_whole_one():
    cast = {"PER": {"full": "[PER Bo Ek]", "last": "[PER Ek]", "he": "he"}}
    assert tagged.slots(cast) == {
        "PER": "[PER.full]",
        "PER.last": "[PER.last]",
        "PER.he": "[PER.he]",
    }
    mentioned = set()
    assert tagged.spell("[PER.he] and [PER.last], [PER.last]", cast, mentioned) == (
        "he and [PER Bo Ek], [PER Ek]"
    )
    assert tagged.spell("[PER.last]", cast, mentioned) == "[PER Ek]"
    assert tagged.spell("[PER.full]", cast, mentioned) == "[PER Bo Ek]"
    assert tagged.spell("[PER.last]", cast, set()) == "[PER Bo Ek]"


def test_capitals_keep_the_tags():
    sentence = (Word("Bo", "B-PER"), Word("wins", "O"))
    assert tagged.shout(sentence) == (Word("BO", "B-PER"), Word("WINS", "O"))


def test_documents_are_written_as_conll():
    documents = [[(Word("Bo", "B-PER"), Word("!", "O")), (Word("Yes", "O"),)], [(Word("No", "O"),)]]
    assert entities.render(documents) == (
        "-DOCSTART-\tO\n\nBo\tB-PER\n!\tO\n\nYes\tO\n\n-DOCSTART-\tO\n\nNo\tO\n"
    )


@pytest.mark.parametrize(
    ("kinds", "words", "message"),
    [
        ("PER [PER {she}]", "", r"kinds\.txt: got 'PER \[PER .*', expected 'KIND \| full"),
        ("PER | full [PER {she}] | he", "", r"kinds\.txt: got 'PER \| full"),
        ("PER | full [PER {him}]", "", r"kinds\.txt: \{him\} has no word for train in names"),
        ("PER | full [PER {she}]", "Ada", r"kinds\.txt: \{she\} has no word for \w+ in names"),
    ],
)
def test_a_broken_grammar_names_the_file(tmp_path, kinds, words, message):
    (tmp_path / "kinds.txt").write_text(f"{kinds}\n", encoding="utf-8")
    (tmp_path / "countries.txt").write_text("", encoding="utf-8")
    (tmp_path / "names").mkdir()
    for name in ("she", "surnames", "towns", "brands", "shared"):
        (tmp_path / "names" / f"{name}.txt").write_text(f"{words}\n", encoding="utf-8")
    with pytest.raises(InputError, match=message):
        names.Names(tmp_path)
