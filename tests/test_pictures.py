"""Names in pictures: drawn in a font that has them, otherwise replaced by numbers."""

import warnings
from types import SimpleNamespace

import numpy as np
import pytest
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen
from matplotlib.font_manager import fontManager
from matplotlib.text import Text

from tfapps.metrics import fonts, pictures

CAT, DOG, FACE = "\u732b", "\u72ac", "\U0001f9ea"


@pytest.fixture
def only_default(monkeypatch):
    """A machine with the fonts of matplotlib alone."""
    machine(monkeypatch, {})


def machine(monkeypatch, more):
    """A machine that has these fonts beside the default one."""
    letters = {fonts.DEFAULT: fonts.letters(fonts.DEFAULT), **more}
    monkeypatch.setattr(fonts, "letters", letters.__getitem__)
    monkeypatch.setattr(fonts, "other_families", lambda: list(more))
    monkeypatch.setattr(fonts, "visible_name", fonts.visible_name.__wrapped__)


@pytest.fixture
def drawn(monkeypatch):
    """Every text of the figures that are drawn, with every warning an error."""
    texts = []
    png = pictures._png

    def kept(figure):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            content = png(figure)
        texts.extend(text.get_text() for text in figure.findobj(Text))
        return content

    monkeypatch.setattr(pictures, "_png", kept)
    return texts


def square(path, family, letters):
    """Write a font in which each of these letters is a square."""
    pen = TTGlyphPen(None)
    pen.moveTo((100, 0))
    for corner in ((100, 700), (800, 700), (800, 0)):
        pen.lineTo(corner)
    pen.closePath()
    names = [".notdef", *(f"u{ord(letter):X}" for letter in letters)]
    builder = FontBuilder(1000, isTTF=True)
    builder.setupGlyphOrder(names)
    builder.setupCharacterMap({ord(letter): f"u{ord(letter):X}" for letter in letters})
    builder.setupGlyf(dict.fromkeys(names, pen.glyph()))
    builder.setupHorizontalMetrics(dict.fromkeys(names, (900, 100)))
    builder.setupHorizontalHeader(ascent=800, descent=-200)
    builder.setupNameTable({"familyName": family, "styleName": "Regular"})
    builder.setupOS2()
    builder.setupPost()
    builder.save(path)


def test_latin_names_need_no_other_font(only_default):
    assert fonts.families(["caf\u00e9", "\u0431\u0430\u043d\u043a"]) == [fonts.DEFAULT]
    assert fonts.drawable(["caf\u00e9", "plain"]) == ["caf\u00e9", "plain"]
    assert fonts.legend_text(["caf\u00e9", "plain"]) == ""


def test_fonts_that_have_the_missing_letters_are_taken_fewest_first(monkeypatch):
    more = {
        "A Serif": frozenset(CAT),
        "B Sans": frozenset(CAT + DOG),
        "Emoji": frozenset(FACE),
        "Other": frozenset("x"),
    }
    machine(monkeypatch, more)
    assert fonts.families([f"{CAT} a", DOG]) == [fonts.DEFAULT, "B Sans"]
    assert fonts.families([CAT, FACE]) == [fonts.DEFAULT, "A Serif", "Emoji"]
    assert fonts.drawable([CAT, f"{FACE}\ufe0f"]) == [CAT, FACE]


def test_names_that_no_font_has_are_numbers_with_a_legend(only_default):
    names = ["plain", CAT, f"{FACE}\x1b"]
    assert fonts.drawable(names) == ["plain", "#1", "#2"]
    assert fonts.legend_text(names).splitlines()[2:] == [f"#1 = {CAT}", rf"#2 = {FACE}\x1b"]


def test_fonts_that_draw_boxes_are_left_out_and_plain_faces_come_first(monkeypatch):
    names = ["Last Resort High-Efficiency", ".LastResort", "B Serif", "A Sans", fonts.DEFAULT]
    entries = [SimpleNamespace(name=name) for name in names]
    monkeypatch.setattr(fontManager, "ttflist", entries)
    assert fonts.other_families() == ["A Sans", "B Serif"]


@pytest.mark.usefixtures("only_default")
def test_every_picture_is_drawn_without_a_missing_glyph(drawn):
    names = [CAT, "$x^$", "_under", "\x1b[2J", f"{FACE}{CAT}"]
    truth = np.arange(5)
    pictures.confusion_png(truth, truth, names)
    assert {"#0", "$x^$", "_under", r"\x1b[2J", "#4"} <= set(drawn)
    pictures.attention_png(np.eye(5), names, names)
    row = {"f1-score": 0.5, "support": 3}
    pictures.f1_bars_png(dict.fromkeys(names[:2], row), names)
    assert {"#0 (3)", "$x^$ (3)"} <= set(drawn)
    figures = {"artifact": "keras", "metric": 0.5, "bytes": 5, "p50_ms": None, "pareto": True}
    pictures.tradeoffs_png([{"run": CAT, **figures}, {"run": "$run$", **figures}], "accuracy")
    assert "$run$" in drawn


def test_a_font_that_is_installed_is_used(tmp_path, monkeypatch, drawn):
    square(tmp_path / "square.ttf", "Square", CAT + DOG)
    monkeypatch.setattr(fontManager, "ttflist", list(fontManager.ttflist))
    fontManager.addfont(tmp_path / "square.ttf")
    machine(monkeypatch, {"Square": fonts.letters.__wrapped__("Square")})
    truth = np.arange(2)
    pictures.confusion_png(truth, truth, [f"a {CAT}", DOG])
    assert {f"a {CAT}", DOG} <= set(drawn)
