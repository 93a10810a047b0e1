"""Entities that were found against those that are there, and tags word by word."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tfapps.metrics import fonts
from tfapps.printable import plain

Tags = Sequence[Sequence[str]]


def scores(truth: Tags, predicted: Tags) -> dict[str, float]:
    """Return the figures of IOB2 tags, each sentence a list.

    `precision`, `recall` and `f1` of entities over all sentences (micro average), as conlleval and
    seqeval count them: an `I-` that continues nothing starts an entity. `strict_f1` counts such an
    entity as none. `token_micro_f1`, `token_macro_f1` and `token_weighted_f1` are of the tags of
    the words, `O` among them; the first is the share of right tags.
    """
    from seqeval.metrics import sequence_labeling, v1
    from seqeval.scheme import IOB2

    how = {"average": "micro", "zero_division": 0}
    found = sequence_labeling.precision_recall_fscore_support(truth, predicted, **how)
    precision, recall, f1, _ = found
    strict = (0.0, 0.0, 0.0)
    if _anything(truth, predicted):
        strict = v1.precision_recall_fscore_support(truth, predicted, scheme=IOB2, **how)
    tokens = _token_report(truth, predicted)
    averages = {name: tokens[f"{name} avg"]["f1-score"] for name in ("micro", "macro", "weighted")}
    return {
        "f1": float(f1),
        "precision": float(precision),
        "recall": float(recall),
        "strict_f1": float(strict[2]),
        **{f"token_{name}_f1": float(value) for name, value in averages.items()},
    }


def report(truth: Tags, predicted: Tags) -> dict[str, dict[str, dict[str, float]]]:
    """Return precision, recall, F1 and support: `entities`, `strict` and `tokens`, by label."""
    from seqeval.metrics import classification_report
    from seqeval.scheme import IOB2

    found = {"tokens": _token_report(truth, predicted)}
    if not _anything(truth, predicted):
        return {"entities": {}, "strict": {}, **found}
    for name, mode in (("entities", {}), ("strict", {"mode": "strict", "scheme": IOB2})):
        table = classification_report(truth, predicted, output_dict=True, zero_division=0, **mode)
        found[name] = {
            label: {key: float(value) for key, value in row.items()} for label, row in table.items()
        }
    return found


def report_text(found: dict[str, dict[str, dict[str, float]]], labels: Sequence[str] = ()) -> str:
    """Return `report` as tables, for people.

    Args:
        labels: all there are; those of no entity, true or predicted, are named below the tables.
    """
    titles = {
        "entities": "entities, as conlleval counts them",
        "strict": "entities, strict (IOB2)",
        "tokens": "tags of words, O among them",
    }
    lines = []
    for name, title in titles.items():
        width = max(len(plain(label)) for label in [*found[name], title])
        head = "".join(f"{column:>11}" for column in ("precision", "recall", "f1-score", "support"))
        lines += [f"{title:<{width}}{head}"]
        for label, row in found[name].items():
            numbers = "".join(f"{row[key]:>11.4f}" for key in ("precision", "recall", "f1-score"))
            lines.append(f"{plain(label):<{width}}{numbers}{row['support']:>11.0f}")
        lines.append("")
    absent = [label for label in labels if label not in found["entities"]]
    if absent:
        lines.append(f"absent (no entity, none predicted): {', '.join(map(plain, absent))}\n")
    return "\n".join(lines) + fonts.legend_text(labels)


def _anything(truth: Tags, predicted: Tags) -> bool:
    """Whether there is an entity at all: the strict count of none stumbles over it."""
    return any(tag != "O" for tags in (*truth, *predicted) for tag in tags)


def _token_report(truth: Tags, predicted: Tags) -> dict[str, dict[str, float]]:
    """Precision, recall and F1 of each tag, and their averages."""
    from sklearn.metrics import precision_recall_fscore_support

    there = [tag for tags in truth for tag in tags]
    said = [tag for tags in predicted for tag in tags]
    labels = sorted({*there, *said}, key=lambda tag: (tag.partition("-")[2], tag))
    columns = precision_recall_fscore_support(there, said, labels=labels, zero_division=0)
    names = ("precision", "recall", "f1-score", "support")
    rows = dict(zip(labels, map(list, zip(*columns, strict=True)), strict=True))
    support = columns[3]
    right = float(np.mean([a == b for a, b in zip(there, said, strict=True)]))
    rows["micro avg"] = [right, right, right, support.sum()]
    rows["macro avg"] = [*(float(np.mean(column)) for column in columns[:3]), support.sum()]
    rows["weighted avg"] = [
        *(float(np.average(column, weights=support)) for column in columns[:3]),
        support.sum(),
    ]
    return {label: dict(zip(names, map(float, row), strict=True)) for label, row in rows.items()}
