"""Where lines end, and which characters no text may hold."""

import pytest

from tfapps.errors import InputError
from tfapps.text import lines


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
