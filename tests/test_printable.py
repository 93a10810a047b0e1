"""What data holds, shown anywhere, commands nothing, reorders nothing and marks up nothing."""

import json

import numpy as np
import pytest
from markdown import markdown as rendered

from tfapps.cli import _page
from tfapps.printable import html, json_line, markdown, plain
from tfapps.tasks import _entities, _shown

UNSAFE = [
    *map(chr, range(0x20)),
    *map(chr, range(0x7F, 0xA0)),
    *"\u061c\u200e\u200f\u2028\u2029\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069",
    "\ud83d",
]
HARMLESS = [
    "caf\u00e9 na\u00efve",
    "\U0001f469\u200d\U0001f680 \u2764\ufe0f",  # emoji of several
    "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",  # Persian, with a joiner
    "\u0928\u092e\u0938\u094d\u0924\u0947 \u732b \ud55c\uad6d\uc5b4",
    r"back\slash",
]
INJECTIONS = [
    "![x](http://evil.example/track.png)",
    "[click](javascript:alert(1))",
    "<img src=x onerror=alert(1)>",
    "a | b | c",
    "`code` **bold** _it_",
    "end\n\n# heading\n\n- list",
]


@pytest.mark.parametrize("show", [plain, markdown, html, json_line])
def test_nothing_unsafe_is_left(show):
    shown = show("a" + "".join(UNSAFE) + "b")
    line_ends = "\n" if show is html else ""
    assert set(shown) & set(UNSAFE) <= set(line_ends)
    shown.encode("utf-8")


@pytest.mark.parametrize("text", HARMLESS)
def test_harmless_text_stays(text):
    assert plain(text) == html(text) == text
    assert json.dumps(text, ensure_ascii=False) == json_line(text)


def test_white_space_is_a_blank_and_the_rest_can_be_seen():
    assert plain("a\tb\nc\u2028d") == "a b c d"
    assert plain("\x1b[2J\x9b\u202ebad") == r"\x1b[2J\x9b\u202ebad"


def test_json_keeps_the_exact_text_on_one_line():
    value = {"text": "".join(UNSAFE) + "".join(HARMLESS), "label": "\u202e\x7f"}
    line = json_line(value)
    assert json.loads(line) == value
    assert len(line.splitlines()) == 1


@pytest.mark.parametrize("text", INJECTIONS)
def test_markdown_shows_the_text_and_nothing_else(text):
    """As TensorBoard renders it: one row of one cell."""
    table = rendered(f"| text |\n| --- |\n| {markdown(text)} |", extensions=["tables"])
    assert table.count("<td>") == 1
    shown = table.partition("<td>")[2].partition("</td>")[0]
    assert "<" not in shown
    plain_text = shown.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
    assert plain_text == " ".join(text.split())


def test_tables_of_mistakes_hold_evil_texts_and_labels_in_their_cells():
    evil = "x | <b>y</b>\n\x1b[2J![](http://evil)"
    of_texts = _shown.mistakes(
        [{"label": evil, "score": 0.5}], np.array([True]), [[evil]], [{"text": evil}], 5
    )
    of_words = _entities.mistakes([[evil]], [[f"B-{evil}"]], [["O"]], 5)
    for table, columns in ((of_texts, 4), (of_words, 3)):
        cells = rendered(table, extensions=["tables"]).partition("<tbody>")[2]
        assert cells.count("<td>") == columns
        assert "<b>" not in cells
        assert "<img" not in cells
        assert not set(table) & set(UNSAFE) - {"\n"}


def test_a_page_shows_controls_instead_of_obeying_them():
    answer = {"text": "good \u202edab", "label": "\x1bfine", "score": 0.9, "method": "occlusion"}
    page = _page.page("t\x07", [{**answer, "words": [], "rest": 0.0, "delta": 0.25}])
    assert r"good \u202edab" in page
    assert r"\x1bfine" in page
    assert not set(page) & set(UNSAFE) - {"\n"}
