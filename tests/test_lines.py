"""Ends of lines, characters that no text may contain, and lines as inputs of a run."""

import io
import json
import os
import sys

import pytest

from tfapps.cli import _lines, _output, _texts
from tfapps.errors import InputError
from tfapps.printable import json_line
from tfapps.text import lines
from tfapps.text.questions import fields_of, question


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("\n", [""]),
        ("a", ["a"]),
        ("a\n", ["a"]),
        ("a\n\n", ["a", ""]),
        ("\r\na\r\n", ["", "a"]),
        ("a\r\r\n", ["a\r"]),
        ("\ufeffa\nb", ["a", "b"]),
        ("\ufeff", []),
        ("a\ufeff\n\ufeffb", ["a\ufeff", "\ufeffb"]),
    ],
)
def test_lines_end_at_lf_or_crlf(text, expected):
    assert lines.split(text) == expected


@pytest.mark.parametrize("letter", "\v\f\x1c\x1d\x1e\x85\u2028\u2029\r")
def test_nothing_else_ends_a_line(letter):
    assert lines.split(f"a{letter}b\nc") == [f"a{letter}b", "c"]


def test_whole_characters_pass_and_halves_are_refused():
    assert lines.check_whole("ok \U0001f600", "here") == "ok \U0001f600"
    with pytest.raises(InputError, match=r"x.jsonl:3: character 4 is half .* \(\\ud83d\)"):
        lines.check_whole("ok \ud83d!", "x.jsonl:3")


# What a line asks


@pytest.mark.parametrize(
    ("line", "pair"),
    [
        ("a\tb", ("a", "b")),
        ("a\t", ("a", "")),
        ('{"text": "a\\tb", "text_pair": "c"}', ("a\tb", "c")),
        ('{"not": JSON}\tb', ('{"not": JSON}', "b")),
    ],
)
def test_a_pair_is_two_texts_around_a_tab_or_a_json_object(line, pair):
    assert question(line, True, "here") == pair
    assert fields_of(pair) == {"text": pair[0], "text_pair": pair[1]}


@pytest.mark.parametrize(
    "line", ["a", "", "a\tb\tc", '{"text": "a"}', '{"text": 1, "text_pair": ""}']
)
def test_a_run_on_pairs_asks_for_the_pair(line):
    with pytest.raises(InputError, match="here: got .* this run reads pairs of texts; expected"):
        question(line, True, "here")


@pytest.mark.parametrize("line", ["", "a\tb", '{"text": "a"}', "{", "[1, 2]"])
def test_any_line_is_a_single_text(line):
    assert question(line, False, "here") == line
    assert fields_of(line) == {"text": line}


def test_a_pair_is_no_question_to_a_run_on_single_texts():
    with pytest.raises(InputError, match="got a pair of texts, but this run reads single texts"):
        question('{"text": "a", "text_pair": "b"}', False, "here")


@pytest.mark.parametrize(
    ("line", "paired"),
    [
        ("a\udcff", False),
        ("a\tb\udcff", True),
        (r'{"text": "a", "text_pair": "\ud83d"}', True),
    ],
)
def test_half_a_surrogate_pair_is_refused_with_its_place(line, paired):
    with pytest.raises(InputError, match="input:7: character . is half of a surrogate pair"):
        question(line, paired, "input:7")


ODD = ["", "a\u2028b\u2029c\x85d\ve\ff\x1cg", "last"]


def test_standard_input_has_a_question_a_line(monkeypatch):
    content = "\ufeff" + "".join(f"{line}\r\n" for line in ODD)
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(content.encode())))
    assert _texts.questions(["-"], False) == ODD


def test_standard_input_that_is_no_text_is_refused_with_its_line(monkeypatch):
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"fine\n\xff\n")))
    with pytest.raises(InputError, match="standard input:2: byte 0xff is not valid UTF-8"):
        _texts.questions([], False)


@pytest.fixture
def pipe(monkeypatch):
    """What writes into the pipe that is standard input."""
    end, start = os.pipe()
    with os.fdopen(end, "r") as reader, os.fdopen(start, "wb", buffering=0) as writer:
        monkeypatch.setattr("sys.stdin", reader)
        yield writer


def test_lines_are_read_as_they_come(pipe):
    lines = _lines.batches(4)
    pipe.write("\ufeffone\r\n\ntw".encode())
    assert next(lines) == ["one", ""]  # the writer is still there
    pipe.write(b"o\n" + b"".join(b"%d\n" % number for number in range(9)))
    assert [next(lines) for _ in range(3)] == [
        ["two", "0", "1", "2"],
        ["3", "4", "5", "6"],
        ["7", "8"],
    ]
    pipe.write(b"x" * 50_000)
    pipe.close()
    assert list(lines) == [["x" * 50_000]]


def test_lines_before_one_that_is_no_text_are_answered(pipe):
    pipe.write(b"fine\nfine too\n\xff\nmore\n")
    lines = _lines.batches(256)
    assert next(lines) == ["fine", "fine too"]
    with pytest.raises(InputError, match="standard input:3: byte 0xff is not valid UTF-8"):
        next(lines)


@pytest.mark.parametrize("content", [b"", "\ufeff".encode()])
def test_standard_input_may_be_empty(content, pipe):
    pipe.write(content)
    pipe.close()
    assert list(_lines.batches(2)) == []


def test_a_tab_in_a_single_text_is_mentioned(capsys):
    assert _texts.questions(["a\tb", "c"], False) == ["a\tb", "c"]
    assert capsys.readouterr().err.startswith(
        "1 text(s) contain a tab; this run reads single texts"
    )
    _texts.questions(["a\tb"], True)
    assert capsys.readouterr().err == ""


def test_an_answer_is_one_line_for_every_reader():
    line = json_line({"text": ODD[1]})
    assert line.splitlines() == [line]
    assert json.loads(line) == {"text": ODD[1]}


# What a stream cannot encode


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_output_escapes_what_does_not_fit_and_stays_json(monkeypatch, encoding):
    out, error = (io.TextIOWrapper(io.BytesIO(), encoding=encoding) for _ in range(2))
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setattr(sys, "stderr", error)
    _output.escape()
    text = "caf\xe9 \u68a8 \U0001f600"
    print(json_line({"text": text}))
    print(f"{text} \udcff", file=sys.stderr)
    out.flush()
    error.flush()
    assert json.loads(out.buffer.getvalue().decode(encoding)) == {"text": text}
    escaped = error.buffer.getvalue().decode(encoding)
    assert escaped.endswith("\\udcff\n")
    assert ("\\ud83d\\ude00" in escaped) == (encoding != "utf-8")


@pytest.mark.parametrize("locale", ["ascii", "utf-8", "latin-1"])
def test_an_argument_is_utf_8_where_the_locale_cannot_read_it(locale):
    arguments = ["caf\u00e9 \u65e5", "plain", "saw"]
    received = [text.encode().decode(locale, "surrogateescape") for text in arguments]
    expected = received if locale == "latin-1" else arguments
    assert _texts.questions(received, False) == expected
    with pytest.raises(InputError, match=r"text 1: character 1 is half of a surrogate pair"):
        _texts.questions(
            [b"\xff".decode(locale if locale == "utf-8" else "ascii", "surrogateescape")], False
        )
