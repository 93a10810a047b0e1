"""The embedded short documents: rebuilt byte for byte, distinct, and each of one piece."""

import itertools
import random
import re
import tomllib
from collections import Counter

import pytest

from tfapps.data.sources import _samples
from tfapps.errors import InputError
from tfapps.samples import _documents, _scripts, build

FOLDER = build.HERE / "short_documents"
TOPICS = sorted(path.stem for path in (FOLDER / "grammar" / "topics").glob("*.txt"))
LAST = re.compile(r"(In the end|At last|Finally|When it was over) ")


@pytest.fixture(scope="module")
def documents():
    found = {}
    for split in _documents.SIZES:
        text = (FOLDER / f"{split}.txt").read_text(encoding="utf-8")
        found[split] = [document.split("\n") for document in text.strip("\n").split("\n\n")]
    return found


# --- the files


def test_the_committed_files_are_what_the_grammar_gives():
    for name, content in build.build("short_documents").items():
        assert (FOLDER / name).read_bytes() == content, f"{name}: run tfapps.samples.build"


def test_the_command_writes_the_same_files_elsewhere(tmp_path, capsys):
    assert build.main(["short_documents", "--out", str(tmp_path)]) == 0
    assert (tmp_path / "dev.txt").read_bytes() == (FOLDER / "dev.txt").read_bytes()
    assert "train.txt: 1440 documents" in capsys.readouterr().out


def test_the_readme_counts_are_true(documents):
    readme = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert "**Synthetic.**" in readme
    assert f"one of {len(TOPICS)} subjects" in readme
    for split, texts in documents.items():
        counted = f"{len(texts):,} documents, {sum(map(len, texts)):,} sentences"
        assert f"`{split}.txt`: {counted}" in readme


def test_the_files_stay_small(documents):
    assert (FOLDER / "train.txt").stat().st_size < 700_000
    for split, each in _documents.SIZES.items():
        assert len(documents[split]) == each * len(TOPICS)


def test_documents_are_distinct_and_dev_is_new(documents):
    texts = Counter("\n".join(text).casefold() for split in documents.values() for text in split)
    assert [text for text, times in texts.items() if times > 1] == []
    known = {sentence.casefold() for text in documents["train"] for sentence in text}
    assert [s for text in documents["dev"] for s in text if s.casefold() in known] == []


def test_sentences_are_clean(documents):
    for text in (text for texts in documents.values() for text in texts):
        assert len(text) in range(4, 10), text
        assert len(set(text)) == len(text), text
        for sentence in text:
            assert re.fullmatch(r"\"?[A-Z][\w ,.:;?!'\"-]+[.?!]\"?", sentence), sentence
            assert sentence == " ".join(sentence.split())
            assert not re.search(r"\ba [aeio]|\ban (?!hour|[aeiou])", sentence), sentence
            assert sentence.count('"') % 2 == 0, sentence


def test_dev_needs_no_word_by_heart(documents):
    known = {word for text in documents["train"] for s in text for word in s.split()}
    words = [word for text in documents["dev"] for s in text for word in s.split()]
    assert sum(word not in known for word in words) < 0.01 * len(words)


# --- what can be learned


def words(sentence):
    return set(re.findall(r"\w+", sentence.casefold()))


def test_a_sentence_fits_its_document_and_no_other(documents):
    """Rarer words in common with the sentence before, and with one of another document."""
    rng = random.Random(1)
    texts = documents["train"]
    counts = Counter(word for text in texts for sentence in text for word in words(sentence))
    common = {word for word, _ in counts.most_common(60)}
    near, far, pairs = 0, 0, 0
    for text in texts:
        other = rng.choice(texts)
        for before, after in itertools.pairwise(text):
            near += bool(words(before) & words(after) - common)
            far += bool(words(rng.choice(other)) & words(after) - common)
            pairs += 1
    assert near > 0.6 * pairs
    assert far < 0.1 * pairs


def test_events_have_an_order(documents):
    """The order of two sentences is told by what they begin with: ends come late."""
    places = [
        place / (len(text) - 1)
        for texts in documents.values()
        for text in texts
        for place, sentence in enumerate(text)
        if LAST.match(sentence)
    ]
    assert len(places) > 400
    assert min(places) > 0.3
    assert sum(places) > 0.75 * len(places)


def test_a_text_keeps_the_order_of_its_stages():
    for script in _scripts.read_scripts(FOLDER / "grammar" / "topics"):
        stages = list(script.stages)
        needed = [stage for stage in stages if not stage.endswith("?")]
        used = re.findall(r"\{(.+?)\}", str(script))
        slots = dict(zip(used, used, strict=True))
        for seed in range(5):
            told = list(_scripts.write(script, slots, random.Random(seed), 0.5))
            assert told == [stage for stage in stages if stage in told]
            assert set(needed) <= set(told)
        assert 4 <= len(needed) <= len(stages) <= 10, script.name


# --- as a sample


def test_it_is_a_sample_of_plain_text_only():
    assert _samples.available(".txt") == ["short_documents"]
    assert "short_documents" not in _samples.available()
    with _samples.file("short_documents", "dev", ".txt") as path:
        assert path.read_bytes() == (FOLDER / "dev.txt").read_bytes()


def test_every_file_of_a_sample_is_in_the_package():
    settings = tomllib.loads((build.HERE.parent.parent / "pyproject.toml").read_text("utf-8"))
    globs = settings["tool"]["setuptools"]["package-data"]["tfapps"]
    packed = {path for glob in globs for path in build.HERE.parent.glob(glob)}
    files = {path for name in build.GENERATORS for path in (build.HERE / name).rglob("*.*")}
    assert len(files) > 100
    assert files - packed == set()


# --- the grammar


@pytest.fixture
def script(tmp_path):
    def read(text):
        path = tmp_path / "tea.txt"
        path.write_text(text, encoding="utf-8")
        return _scripts.read_script(path)

    return read


def test_a_script_is_read(script):
    tea = script(
        "# tea\n@cup/what cup/tea;mug/milk\nfirst: Take a {cup}.\nend?: (Drink|Sip) {what}.\n"
    )
    assert tea == _scripts.Script(
        "tea",
        {"first": ["Take a {cup}."], "end?": ["(Drink|Sip) {what}."]},
        {("cup", "what"): (("cup", "tea"), ("mug", "milk"))},
    )
    drawn = {tuple(_scripts.write(tea, {}, random.Random(n), 0.5).values()) for n in range(60)}
    ends = {
        (cup, f"{verb} {what}.")
        for cup, what in (("cup", "tea"), ("mug", "milk"))
        for verb in ("Drink", "Sip")
    }
    expected = {(f"Take a {cup}.", end) for cup, end in ends}
    assert drawn == expected | {("Take a cup.",), ("Take a mug.",)}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("@a b\nTake a cup.\n", r"tea\.txt: got 'Take a cup\.', expected 'stage: structure'"),
        ("@a/b c/d;e\nfirst: x\n", r"tea\.txt: got 'e', expected a value for @a/b"),
        ("@a b\n", r"tea\.txt: no structure in it"),
    ],
)
def test_a_broken_script_names_the_file(script, text, message):
    with pytest.raises(InputError, match=message):
        script(text)


@pytest.mark.parametrize(
    ("rough", "finished"),
    [
        ("he saw a owl.", "He saw an owl."),
        (
            '"a egg," she said: "give it to a animal."',
            '"An egg," she said: "Give it to an animal."',
        ),
        (
            "It was a [MISC Irish] or a [ORG University].",
            "It was an [MISC Irish] or a [ORG University].",
        ),
        ("late: because of rain", "Late: because of rain"),
    ],
)
def test_sentences_are_finished(rough, finished):
    assert _scripts.finish(rough) == finished


def test_a_broken_list_of_people_names_the_file(tmp_path):
    (tmp_path / "people.txt").write_text("he him: Bo\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"people\.txt: got 'he him: Bo', expected 'he him his:"):
        _documents.read_people(tmp_path / "people.txt")


def test_people_have_the_words_that_stand_for_them(tmp_path):
    (tmp_path / "people.txt").write_text("she her her: Ada, Mrs Ek\n", encoding="utf-8")
    assert _documents.read_people(tmp_path / "people.txt") == [
        ("Ada", "she", "her", "her"),
        ("Mrs Ek", "she", "her", "her"),
    ]
