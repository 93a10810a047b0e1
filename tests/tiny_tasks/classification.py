"""Texts with one label, pairs of texts, and texts with any number of labels."""

import json

from tiny import Run, Tiny, rows

TSV = {"source": "tsv", "train": "train.tsv", "dev": "dev.tsv"}


def tsv(split, count):
    lines = [f"{text}\tnot {text}\t{kind}" for kind, text in rows(count)]
    return {f"{split}.tsv": ["text\tother\tlabel", *lines]}


def jsonl(split, count):
    lines = [
        {"text": text, "label": [[], [kind], [kind, "any"]][i % 3]}
        for i, (kind, text) in enumerate(rows(count))
    ]
    return {f"{split}.jsonl": [json.dumps(row) for row in lines]}


TINY = Tiny(
    examples=[
        {"text": f"{'good' if i % 2 else 'bad'} thing {i}", "label": "yes" if i % 2 else "no"}
        for i in range(24)
    ],
    variants=[{}, {"head": "prototype", "scale": 4.0}],
    labelled=lambda texts: [
        {"text": text, "label": f"class {i % 3}"} for i, text in enumerate(texts)
    ],
    runs={
        "classification": Run(TSV, tsv),
        "pairs": Run({**TSV, "text_pair": "other"}, tsv),
        "many_labels": Run(
            {"source": "jsonl", "train": "train.jsonl", "dev": "dev.jsonl"},
            jsonl,
            {"multi_label": True},
            shown="(no label|fruit|tool|fruit, any|tool, any) <- i want",
        ),
    },
)
