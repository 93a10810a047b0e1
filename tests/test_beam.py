"""Answers over Apache Beam: those of `predict`, line by line, out of files and into files."""

import json
import sys

import pytest
from running import tfapps

from tfapps.errors import InputError
from tfapps.serve.beam import question_of

TEXTS = [f"I want the {word} number {i}" for i in range(40) for word in ("pear", "saw")]
FLAGS = ("--runner", "beam")


@pytest.fixture(scope="module")
def folder(workplace, tmp_path_factory):
    """The workplace, with texts in three files."""
    texts = tmp_path_factory.mktemp("texts")
    for part in range(3):
        lines = TEXTS[part::3] + [""] * (part == 0)
        (texts / f"{part}.txt").write_text("".join(f"{line}\n" for line in lines))
    return texts


def over(workplace, lines, answers, *more):
    files = ("--input", lines, "--output", answers)
    return tfapps("predict", "tiny", *FLAGS, *files, *more, cwd=workplace)


def answers_in(folder):
    parts = [path.read_text(encoding="utf-8") for path in folder.glob("part-*.jsonl")]
    actual = [json.loads(line) for part in parts for line in part.splitlines()]
    return sorted(actual, key=lambda answer: answer["text"])


@pytest.mark.parametrize(
    "options",
    [
        (),
        (
            "--beam=--runner=FnApiRunner",
            "--beam=--direct_running_mode=multi_threading",
            "--beam=--direct_num_workers=2",
        ),
    ],
)
def test_answers_are_those_of_the_predictor(workplace, folder, tmp_path, options):
    done = over(workplace, f"{folder}/*.txt", tmp_path / "part", *options)
    assert done.returncode == 0, done.stderr
    alone = tfapps("predict", "tiny", "-", cwd=workplace, stdin="\n".join([*TEXTS, "\n"]))
    expected = [json.loads(line) for line in alone.stdout.splitlines()]
    assert answers_in(tmp_path) == sorted(expected, key=lambda answer: answer["text"])


def test_a_pattern_without_a_folder_is_of_this_one(workplace):
    (workplace / "in1.txt").write_text("the pear\n")
    (workplace / "in2.txt").write_text("the saw\n")
    done = over(workplace, "in*.txt", "part")
    assert done.returncode == 0, done.stderr
    assert [answer["text"] for answer in answers_in(workplace)] == ["the pear", "the saw"]


def test_an_artefact_can_be_named(workplace, folder, tmp_path):
    done = over(workplace, f"{folder}/0.txt", tmp_path / "part", "--artifact", "litert_dynamic")
    assert done.returncode == 0, done.stderr
    assert len(answers_in(tmp_path)) == len(TEXTS[0::3]) + 1


def test_bad_input_is_refused_before_beam_starts(workplace, folder, tmp_path, monkeypatch):
    answers = tmp_path / "part"
    cases = {
        "no such files": over(workplace, f"{folder}/*.csv", answers),
        "give --input PATTERN and --output PREFIX": tfapps(
            "predict", "tiny", *FLAGS, cwd=workplace
        ),
        "cannot be combined with --also, ": over(
            workplace, f"{folder}/*", answers, "--also", "tiny"
        ),
        "litert_int4": over(workplace, f"{folder}/*", answers, "--artifact", "litert_int4"),
    }
    monkeypatch.setitem(sys.modules, "apache_beam", None)
    cases['pip install "tfapps[beam]"'] = over(workplace, f"{folder}/*", answers)
    for text, done in cases.items():
        assert done.returncode == 2
        assert text in done.stderr
        assert len(done.stderr.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


def test_a_line_that_is_no_text_is_named(workplace, tmp_path):
    (tmp_path / "broken.txt").write_bytes(b"fine\n\xff\xfe broken\n")
    done = over(workplace, tmp_path / "broken.txt", tmp_path / "part")
    assert done.returncode == 2
    assert r"broken.txt: b'\xff\xfe broken' is not valid UTF-8" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not list(tmp_path.glob("part*"))


@pytest.mark.parametrize(
    ("line", "paired", "expected"),
    [
        ("\ufeffa saw\r", False, "a saw"),
        ("a\u2028saw\r\r", False, "a\u2028saw\r"),
        ("a saw\ta pear", True, ("a saw", "a pear")),
    ],
)
def test_a_line_is_what_predict_takes_it_for(line, paired, expected):
    assert question_of("file", line.encode(), paired) == expected
    if paired:
        with pytest.raises(InputError, match="file: got 'a saw', but this run reads pairs of"):
            question_of("file", b"a saw", paired)


def test_what_beam_cannot_do_is_a_failure_in_a_line(workplace, folder, tmp_path):
    done = over(workplace, f"{folder}/0.txt", tmp_path / "part", "--beam=--runner=NoSuchRunner")
    assert done.returncode == 1
    assert done.stderr.startswith("failed: Beam: ")
    assert len(done.stderr.splitlines()) == 1
