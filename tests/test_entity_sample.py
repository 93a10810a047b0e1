"""The embedded entities: rebuilt byte for byte, tagged well, and not to be known by heart."""

import re
from collections import Counter, defaultdict

import pytest

from tfapps.data.sources import _samples, conll
from tfapps.errors import InputError
from tfapps.samples import _entities, build
from tfapps.samples._news import names, tagged
from tfapps.samples._news.tagged import Word
from tfapps.text import tags

FOLDER = build.HERE / "entities"
CONFIG = conll.Config(sample="entities", test="test")
LABELS = ("PER", "LOC", "ORG", "MISC")


@pytest.fixture(scope="module")
def sentences():
    return {split: conll.read(CONFIG, split) for split in _entities.SIZES}


@pytest.fixture(scope="module")
def found(sentences):
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


def test_the_committed_files_are_what_the_grammar_gives():
    for name, content in build.build("entities").items():
        assert (FOLDER / name).read_bytes() == content, f"{name}: run tfapps.samples.build"


def test_the_command_writes_the_same_files_elsewhere(tmp_path, capsys):
    assert build.main(["entities", "--out", str(tmp_path)]) == 0
    for split in _entities.SIZES:
        written = (tmp_path / f"{split}.conll").read_bytes()
        assert written == (FOLDER / f"{split}.conll").read_bytes()
    assert "train.conll: 458 documents" in capsys.readouterr().out


def test_the_readme_counts_are_true(sentences, found):
    readme = (FOLDER / "README.md").read_text(encoding="utf-8")
    topics = list((FOLDER / "grammar" / "topics").glob("*.txt"))
    assert "**Synthetic.**" in readme
    assert f"one of {len(topics)} subjects" in readme
    for split, rows in sentences.items():
        documents = len({each["document"] for each in rows})
        counted = f"{len(rows):,} sentences in {documents} documents, {len(found[split]):,} names"
        assert f"`{split}.conll`: {counted}" in readme
    labels = Counter(label for entities in found.values() for _, _, label in entities)
    for label in LABELS:
        assert f"| `{label}` | {labels[label]:,} |" in readme


def test_the_sizes_are_as_planned(sentences):
    for split, size in _entities.SIZES.items():
        assert size <= len(sentences[split]) < size + _entities.LENGTHS.stop


def test_documents_are_marked_and_short():
    for split in _entities.SIZES:
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
def test_half_of_the_names_are_new(found, split):
    known = {name for _, name, _ in found["train"]}
    different = {name for _, name, _ in found[split]}
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


def test_only_the_context_tells_what_some_names_are(found):
    labels = labels_of(found["train"])
    ambiguous = {name for name in labels if len(labels[name]) > 1}
    assert len(ambiguous) > 60
    assert len([name for name in ambiguous if {"PER", "LOC", "ORG"} <= labels[name]]) > 15
    for split, least in (("train", 0.15), ("dev", 0.08), ("test", 0.08)):
        entities = found[split]
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


@pytest.mark.parametrize("split", _entities.SIZES)
def test_a_document_names_again_what_it_has_named(found, split):
    documents = defaultdict(list)
    for document, name, label in found[split]:
        documents[document].append((name, label))
    again = [names for names in documents.values() if len(set(names)) < len(names)]
    assert len(again) > 0.75 * len(documents)
    alone = after = 0
    for people in documents.values():
        whole = {name.split()[-1] for name, label in people if label == "PER" and " " in name}
        last = [name for name, label in people if label == "PER" and " " not in name]
        alone += len(last)
        after += sum(name in whole for name in last)
    assert alone > 50
    assert 0.75 * alone < after < alone


@pytest.mark.parametrize("split", _entities.SIZES)
def test_headlines_in_capitals_and_sentences_without_names(sentences, split):
    rows = sentences[split]
    capitals = [
        each for each in rows if re.fullmatch(r"[A-Z0-9 ,&'.-]{8,}", " ".join(each["tokens"]))
    ]
    capitals = [each for each in capitals if len(re.findall("[A-Z]{3,}", str(each["tokens"]))) > 2]
    assert 0.02 < len(capitals) / len(rows) < 0.08
    assert sum("B-" in " ".join(each["tags"]) for each in capitals) > 0.8 * len(capitals)
    assert 0.03 < sum(set(each["tags"]) == {"O"} for each in rows) / len(rows) < 0.12


def test_no_sentence_is_in_two_splits(sentences):
    keys = {
        split: {" ".join(each["tokens"]).casefold() for each in rows if len(each["tokens"]) > 2}
        for split, rows in sentences.items()
    }
    assert keys["train"] & keys["dev"] == set()
    assert keys["train"] & keys["test"] == set()
    assert keys["dev"] & keys["test"] == set()
    assert len(keys["dev"]) > 0.95 * len(sentences["dev"])


# --- as a sample


def test_it_is_a_sample_of_conll_only():
    assert _samples.available() == ["sentence_pairs", "support_intents"]
    assert _samples.available(".conll") == ["entities"]
    with pytest.raises(InputError, match="sample 'entities' has no split 'tset'"):
        conll.read(CONFIG.model_copy(update={"test": "tset"}), "test")


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
    found = (
        word.text if word.tag == "O" else f"{word.tag}:{word.text}" for word in tagged.words(marked)
    )
    assert " ".join(found) == expected


def test_a_brief_name_waits_for_the_whole_one():
    cast = {"PER": {"full": "[PER Bo Ek]", "last": "[PER Ek]", "he": "he"}}
    assert tagged.slots(cast) == {
        "PER": "[PER.full]",
        "PER.last": "[PER.last]",
        "PER.he": "[PER.he]",
    }
    said = set()
    assert tagged.spell("[PER.he] and [PER.last], [PER.last]", cast, said) == (
        "he and [PER Bo Ek], [PER Ek]"
    )
    assert tagged.spell("[PER.last]", cast, said) == "[PER Ek]"
    assert tagged.spell("[PER.full]", cast, said) == "[PER Bo Ek]"
    assert tagged.spell("[PER.last]", cast, set()) == "[PER Bo Ek]"


def test_capitals_keep_the_tags():
    sentence = (Word("Bo", "B-PER"), Word("wins", "O"))
    assert tagged.shout(sentence) == (Word("BO", "B-PER"), Word("WINS", "O"))


def test_documents_are_written_as_conll():
    documents = [[(Word("Bo", "B-PER"), Word("!", "O")), (Word("Yes", "O"),)], [(Word("No", "O"),)]]
    assert _entities.render(documents) == (
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
