"""The generator of short documents: texts that are clean, and each of one piece."""

import itertools
import random
import re
from collections import Counter

import pytest

from tfapps.errors import InputError
from tools.samples import build, scripts
from tools.samples.documents import SIZES, read_people

FOLDER = build.SAMPLES / "short_documents"
TOPICS = sorted(path.stem for path in (FOLDER / "grammar" / "topics").glob("*.txt"))
LAST = re.compile(r"(In the end|At last|Finally|When it was over) ")


@pytest.fixture(scope="module")
def documents():
    actual = {}
    for split in SIZES:
        text = (FOLDER / f"{split}.txt").read_text(encoding="utf-8")
        actual[split] = [document.split("\n") for document in text.strip("\n").split("\n\n")]
    return actual


# --- the files


def test_the_files_stay_small(documents):
    assert (FOLDER / "train.txt").stat().st_size < 700_000
    for split, each in SIZES.items():
        assert len(documents[split]) == each * len(TOPICS)


def test_sentences_are_clean(documents):
    for text in (text for texts in documents.values() for text in texts):
        assert len(text) in range(4, 10), text
        assert len(set(text)) == len(text), text
        for sentence in text:
            assert re.fullmatch(r"\"?[A-Z][\w ,.:;?!'\"-]+[.?!]\"?", sentence), sentence
            assert sentence == " ".join(sentence.split())
            assert not re.search(r"\ba [aeio]|\ban (?!hour|[aeiou])", sentence), sentence
            assert sentence.count('"') % 2 == 0, sentence


def test_dev_uses_words_of_train(documents):
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
    for script in scripts.read_scripts(FOLDER / "grammar" / "topics"):
        stages = list(script.stages)
        needed = [stage for stage in stages if not stage.endswith("?")]
        used = re.findall(r"\{(.+?)\}", str(script))
        slots = dict(zip(used, used, strict=True))
        for seed in range(5):
            written = list(scripts.write(script, slots, random.Random(seed), 0.5))
            assert written == [stage for stage in stages if stage in written]
            assert set(needed) <= set(written)
        assert 4 <= len(needed) <= len(stages) <= 10, script.name


# --- the grammar


@pytest.fixture
def script(tmp_path):
    def read(text):
        path = tmp_path / "tea.txt"
        path.write_text(text, encoding="utf-8")
        return scripts.read_script(path)

    return read


def test_a_script_is_read(script):
    tea = script(
        "# tea\n@cup/what cup/tea;mug/milk\nfirst: Take a {cup}.\nend?: (Drink|Sip) {what}.\n"
    )
    assert tea == scripts.Script(
        "tea",
        {"first": ["Take a {cup}."], "end?": ["(Drink|Sip) {what}."]},
        {("cup", "what"): (("cup", "tea"), ("mug", "milk"))},
    )
    drawn = {tuple(scripts.write(tea, {}, random.Random(n), 0.5).values()) for n in range(60)}
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
    assert scripts.finish(rough) == finished


def test_a_broken_list_of_people_names_the_file(tmp_path):
    (tmp_path / "people.txt").write_text("he him: Bo\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"people\.txt: got 'he him: Bo', expected 'he him his:"):
        read_people(tmp_path / "people.txt")


def test_people_have_the_words_that_stand_for_them(tmp_path):
    (tmp_path / "people.txt").write_text("she her her: Ada, Mrs Ek\n", encoding="utf-8")
    assert read_people(tmp_path / "people.txt") == [
        ("Ada", "she", "her", "her"),
        ("Mrs Ek", "she", "her", "her"),
    ]
