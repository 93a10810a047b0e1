"""Metrics of predicted entities against true ones, and of tags per word."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tfapps.metrics import fonts, intervals
from tfapps.printable import plain

Tags = Sequence[Sequence[str]]


def scores(truth: Tags, predicted: Tags) -> dict[str, float]:
    """Return the metrics of IOB2 tags, one list per sentence.

    `precision`, `recall` and `f1` are of entities over all sentences (micro average), as
    conlleval and seqeval count them: an `I-` without an open entity starts one. `strict_f1` does
    not count such an entity. `token_micro_f1`, `token_macro_f1` and `token_weighted_f1` are of the
    tags of the words, including `O`; the first is the share of correct tags.
    """
    from seqeval.metrics import sequence_labeling, v1
    from seqeval.scheme import IOB2

    options = {"average": "micro", "zero_division": 0}
    figures = sequence_labeling.precision_recall_fscore_support(truth, predicted, **options)
    precision, recall, f1, _ = figures
    strict = (0.0, 0.0, 0.0)
    if _has_entity(truth, predicted):
        strict = v1.precision_recall_fscore_support(truth, predicted, scheme=IOB2, **options)
    tokens = _token_report(truth, predicted)
    averages = {name: tokens[f"{name} avg"]["f1-score"] for name in ("micro", "macro", "weighted")}
    return {
        "f1": float(f1),
        "precision": float(precision),
        "recall": float(recall),
        "strict_f1": float(strict[2]),
        **{f"token_{name}_f1": float(value) for name, value in averages.items()},
    }


def interval(truth: Tags, predicted: Tags) -> intervals.Interval | None:
    """Return the 95 % interval of `f1` of `scores`, over sentences drawn whole."""
    from seqeval.metrics.sequence_labeling import get_entities

    pairs = zip(truth, predicted, strict=True)
    entities = [(set(get_entities(list(a))), set(get_entities(list(b)))) for a, b in pairs]
    right = np.array([2 * len(a & b) for a, b in entities])
    return intervals.of_ratio(right, np.array([len(a) + len(b) for a, b in entities]))


def report(truth: Tags, predicted: Tags) -> dict[str, dict[str, dict[str, float]]]:
    """Return precision, recall, F1 and support: `entities`, `strict` and `tokens`, by label."""
    from seqeval.metrics import classification_report
    from seqeval.scheme import IOB2

    tables = {"tokens": _token_report(truth, predicted)}
    if not _has_entity(truth, predicted):
        return {"entities": {}, "strict": {}, **tables}
    for name, mode in (("entities", {}), ("strict", {"mode": "strict", "scheme": IOB2})):
        table = classification_report(truth, predicted, output_dict=True, zero_division=0, **mode)
        tables[name] = {
            label: {key: float(value) for key, value in row.items()} for label, row in table.items()
        }
    return tables


def report_text(tables: dict[str, dict[str, dict[str, float]]], labels: Sequence[str] = ()) -> str:
    """Return `report` as readable tables.

    Args:
        labels: all labels; those without an entity, true or predicted, are listed below the tables.
    """
    titles = {
        "entities": "entities, as conlleval counts them",
        "strict": "entities, strict (IOB2)",
        "tokens": "tags of words, O among them",
    }
    lines = []
    for name, title in titles.items():
        width = max(len(plain(label)) for label in [*tables[name], title])
        head = "".join(f"{column:>11}" for column in ("precision", "recall", "f1-score", "support"))
        lines += [f"{title:<{width}}{head}"]
        for label, row in tables[name].items():
            numbers = "".join(f"{row[key]:>11.4f}" for key in ("precision", "recall", "f1-score"))
            lines.append(f"{plain(label):<{width}}{numbers}{row['support']:>11.0f}")
        lines.append("")
    absent = [label for label in labels if label not in tables["entities"]]
    if absent:
        lines.append(f"absent (no entity, none predicted): {', '.join(map(plain, absent))}\n")
    return "\n".join(lines) + fonts.legend_text(labels)


def _has_entity(truth: Tags, predicted: Tags) -> bool:
    """Return whether there is any entity: the strict count fails without one."""
    return any(tag != "O" for tags in (*truth, *predicted) for tag in tags)


def _token_report(truth: Tags, predicted: Tags) -> dict[str, dict[str, float]]:
    """Return precision, recall and F1 of each tag, and their averages."""
    from sklearn.metrics import precision_recall_fscore_support

    true_tags = [tag for tags in truth for tag in tags]
    predicted_tags = [tag for tags in predicted for tag in tags]
    labels = sorted({*true_tags, *predicted_tags}, key=lambda tag: (tag.partition("-")[2], tag))
    columns = precision_recall_fscore_support(
        true_tags, predicted_tags, labels=labels, zero_division=0
    )
    names = ("precision", "recall", "f1-score", "support")
    rows = dict(zip(labels, map(list, zip(*columns, strict=True)), strict=True))
    support = columns[3]
    accuracy = float(np.mean([a == b for a, b in zip(true_tags, predicted_tags, strict=True)]))
    rows["micro avg"] = [accuracy, accuracy, accuracy, support.sum()]
    rows["macro avg"] = [*(float(np.mean(column)) for column in columns[:3]), support.sum()]
    rows["weighted avg"] = [
        *(float(np.average(column, weights=support)) for column in columns[:3]),
        support.sum(),
    ]
    return {label: dict(zip(names, map(float, row), strict=True)) for label, row in rows.items()}
