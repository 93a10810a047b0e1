"""Entities in colour, and never more than colour."""

import io

import pytest

from tfapps.cli import _coloured

TEXT = "Ann lives in New York."
FOUND = [
    {"text": "Ann", "label": "PER", "start": 0, "end": 3, "score": 0.987},
    {"text": "New York", "label": "LOC", "start": 13, "end": 21, "score": 0.5},
]


def test_label_and_score_stand_behind_each_entity():
    shown = _coloured.entities(TEXT, FOUND)
    bare = shown
    for colour in _coloured.COLOURS:
        bare = bare.replace(_coloured.START.format(colour), "")
    assert bare.replace(_coloured.END, "") == "Ann [PER 0.99] lives in New York [LOC 0.50]."
    first, second = (part.split("m")[0] for part in shown.split("\033[1;")[1:])
    assert first != second


def test_a_text_cannot_command_the_terminal():
    shown = _coloured.entities("a\033[2Jb\nc", [])
    assert shown == r"a\x1b[2Jb c"


def test_a_label_cannot_command_the_terminal():
    evil = {**FOUND[0], "label": "\033]0;owned\a\u202eREP"}
    shown = _coloured.entities(TEXT, [evil]).replace(_coloured.END, "")
    assert r"[\x1b]0;owned\x07\u202eREP 0.99]" in shown
    assert shown.count("\033") == 1  # the colour of the entity
    answer = {"text": TEXT, "words": [], "label": evil["label"], "score": 0.5, "delta": 0.0}
    assert "\033" not in _coloured.explained(answer)


def test_joined_letters_stay_whole():
    """Emoji of several, and Persian, are written with joiners that print nothing themselves."""
    text = "\U0001f469\u200d\U0001f680 \u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645"
    assert _coloured.entities(text, []) == text


@pytest.mark.parametrize(
    ("terminal", "no_color", "expected"), [(1, "", 1), (0, "", 0), (1, "1", 0)]
)
def test_colours_for_terminals_only(monkeypatch, terminal, no_color, expected):
    out = io.StringIO()
    monkeypatch.setattr(out, "isatty", lambda: bool(terminal))
    monkeypatch.setattr("sys.stdout", out)
    monkeypatch.setenv("NO_COLOR", no_color)
    assert _coloured.enabled() == bool(expected)
