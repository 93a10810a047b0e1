"""Explained texts as a web page of its own: no scripts, nothing loaded from anywhere."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tfapps.printable import html as escape

FOR, AGAINST = "33, 113, 181", "217, 95, 14"  # blue and orange: told apart by nearly everyone
POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
STYLE = (
    "body { font: 16px/1.8 sans-serif; max-width: 50em; margin: 2em auto; padding: 0 1em; "
    "color: #111; background: #fff } p { white-space: pre-wrap; margin: 0.3em 0 } "
    "section { border-top: 1px solid #ccc; padding: 1em 0 } "
    "span { border-radius: 3px; padding: 1px 0 } small { color: #555 }"
)


def page(title: str, answers: Sequence[dict[str, Any]]) -> str:
    """Return the HTML of answers as `explain` gives them.

    What users wrote is escaped; should anything slip through, the page's policy forbids the
    browser to run or load it.
    """
    sections = "\n".join(_section(answer) for answer in answers)
    legend = f"{_span('for', '+', FOR, 1.0)} and {_span('against', '-', AGAINST, 1.0)}"
    return (
        '<!DOCTYPE html>\n<html>\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
        f"<title>{escape(title)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n"
        f"<h1>{escape(title)}</h1>\n<p><small>words {legend} the label; the pointer shows "
        f"their scores</small></p>\n{sections}\n</body>\n</html>\n"
    )


def _section(answer: dict[str, Any]) -> str:
    delta = f"delta {answer['delta']:.4f}"
    details = f"{answer['method']}, special pieces {answer['rest']:+.4f}, {delta}"
    largest = max((abs(word["score"]) for word in answer["words"]), default=0.0)
    paragraphs = []
    for key in ("text", "text_pair"):
        if key in answer:
            words = [word for word in answer["words"] if word.get("of", "text") == key]
            paragraphs.append(f"<p>{_marked(answer[key], words, largest)}</p>")
    return (
        f"<section>\n<b>{escape(answer['label'])}</b> {answer['score']:.4f} "
        f"<small>{escape(details)}</small>\n" + "\n".join(paragraphs) + "\n</section>"
    )


def _marked(text: str, words: Sequence[dict[str, Any]], largest: float) -> str:
    parts, last = [], 0
    for word in words:
        start, end, score = word["start"], word["end"], word["score"]
        strength = abs(score) / largest if largest else 0.0
        hue = FOR if score >= 0 else AGAINST
        parts += [escape(text[last:start]), _span(text[start:end], f"{score:+.4f}", hue, strength)]
        last = end
    return "".join([*parts, escape(text[last:])])


def _span(text: str, title: str, hue: str, strength: float) -> str:
    style = f"background: rgba({hue}, {0.75 * strength:.2f})"
    return f'<span style="{style}" title="{escape(title)}">{escape(text)}</span>'
