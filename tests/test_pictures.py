"""Names in pictures: drawn in a font that has them, otherwise replaced by numbers."""

import warnings
from types import SimpleNamespace

import numpy as np
import pytest
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen
from matplotlib.font_manager import fontManager
from matplotlib.text import Text

from tfapps.metrics import curves, drawing, fonts, labelling, pictures, tradeoffs
from tfapps.metrics.confusions import Confusion, confusions, confusions_text
from tfapps.stages import attack

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
    png = drawing.png

    def kept(figure):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            content = png(figure)
        texts.extend(text.get_text() for text in figure.findobj(Text))
        return content

    monkeypatch.setattr(drawing, "png", kept)
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
    figures = {
        "artifact": "keras",
        "metric": 0.5,
        "bytes": 5,
        "p50_ms": None,
        "pareto": True,
        "data": "d",
    }
    tradeoffs.tradeoffs_png([{"run": CAT, **figures}, {"run": "$run$", **figures}], "accuracy")
    assert "$run$" in drawn


def test_a_font_that_is_installed_is_used(tmp_path, monkeypatch, drawn):
    square(tmp_path / "square.ttf", "Square", CAT + DOG)
    monkeypatch.setattr(fontManager, "ttflist", list(fontManager.ttflist))
    fontManager.addfont(tmp_path / "square.ttf")
    machine(monkeypatch, {"Square": fonts.letters.__wrapped__("Square")})
    truth = np.arange(2)
    pictures.confusion_png(truth, truth, [f"a {CAT}", DOG])
    assert {f"a {CAT}", DOG} <= set(drawn)


# Confusions


def test_the_most_confused_pairs_come_first_with_their_share():
    matrix = np.array([[6, 3, 1], [0, 2, 0], [3, 0, 0]])
    expected = [Confusion(2, 0, 3, 1.0), Confusion(0, 1, 3, 0.3), Confusion(0, 2, 1, 0.1)]
    assert confusions(matrix) == expected
    assert confusions(matrix, limit=1) == expected[:1]
    assert matrix[0, 0] == 6


def test_the_report_lists_the_worst_pairs_by_name():
    truth = np.repeat(np.arange(30), 4)
    predicted = np.where(np.arange(120) % 4 == 0, (truth + 1) % 30, truth)
    text = confusions_text(truth, predicted, [f"name\x1b{i}" for i in range(30)])
    lines = text.splitlines()
    assert lines[1] == "confused most: rows, their share of the true class, true -> predicted"
    assert len(lines) == 22
    assert lines[2].split() == ["1", "25.0%", r"name\x1b0", "->", r"name\x1b1"]
    assert confusions_text(truth, truth, [""] * 30) == ""


@pytest.mark.parametrize("classes", [30, 77, 151])
def test_many_classes_are_named_in_bars_and_few_on_the_axes(drawn, classes):
    labels = [f"a_rather_long_name_of_an_intent_about_cards_{i}" for i in range(classes)]
    truth = np.arange(classes)
    predicted = np.where(truth < 25, (truth + 1) % classes, truth)
    pictures._confusion_png.cache_clear()
    pictures.confusion_png(truth, predicted, labels)
    pair = f"{drawing.shortened(labels[0])} → {drawing.shortened(labels[1])}"
    assert (pair in drawn) == (classes > 30)
    assert (drawing.shortened(labels[-1]) in drawn) == (classes == 30)
    assert sum(" → a_rather" in text for text in set(drawn)) == (20 if classes > 30 else 0)
    assert any("rows normalised" in text for text in drawn)
    assert "share of the true class" in drawn  # of the colour bar


def test_long_names_lose_their_middle():
    assert drawing.shortened("short") == "short"
    name = drawing.shortened("x" * 30 + "y" * 30)
    assert (len(name), name[0], name[-1], "…" in name) == (drawing.LONGEST, "x", "y", True)


# Labels near points


def test_labels_cover_neither_points_nor_one_another():
    random = np.random.default_rng(0)
    points = [tuple(point) for point in random.uniform(20, 480, (60, 2))]
    radii, sizes = [4.0] * 60, [(50.0, 10.0)] * 60
    bounds = labelling.Box(0, 0, 500, 500)
    boxes = [box for box in labelling.places(points, radii, sizes, bounds) if box is not None]
    assert len(boxes) > 30
    markers = [labelling.Box(x - 4, y - 4, x + 4, y + 4) for x, y in points]
    for number, box in enumerate(boxes):
        assert box.inside(bounds)
        assert not any(box.overlaps(other) for other in (*markers, *boxes[:number]))


def test_a_label_stands_at_the_right_of_a_lone_point_and_left_at_the_edge():
    bounds = labelling.Box(0, 0, 100, 100)
    (right,) = labelling.places([(10, 50)], [3], [(20, 10)], bounds)
    assert right == labelling.Box(15, 45, 35, 55)
    (left,) = labelling.places([(95, 50)], [3], [(20, 10)], bounds)
    assert left == labelling.Box(70, 45, 90, 55)
    assert labelling.places([(50, 50)], [3], [(200, 10)], bounds) == [None]


# Curves


def test_panels_with_curves_of_their_own_have_a_legend_each(drawn):
    attacks = {"fgm": {"0": 0.9, "0.1": 0.5}, "pgd": {"0": 0.9, "0.1": 0.2}}
    typed = {"mistyped": {"0": 0.9, "0.2": 0.6}}
    curves.panels_png({"step": attacks, "share": typed}, "accuracy", "robustness on 12 rows")
    assert {"fgm", "pgd", "mistyped", "step", "share", "robustness on 12 rows"} <= set(drawn)


def test_robustness_has_gradient_attacks_and_typing_errors_apart():
    figures = {"fgm_l2": {"0": 1.0}, "mistyped_letters": {"0": 1.0}, "missing_words": {"0": 1.0}}
    panels = attack.panels(figures)
    assert [list(panel) for panel in panels.values()] == [
        ["fgm_l2"],
        ["mistyped_letters", "missing_words"],
    ]
    assert list(attack.panels({"fgm_l2": {"0": 1.0}})) == [attack.BY_GRADIENT]
