"""Sentences with tagged words and a label."""

from tiny import Run, Tiny, rows
from tiny_tasks import tagging


def tagged(split, count):
    kinds, texts = zip(*rows(count), strict=True)
    return {
        f"{split}/seq.in": texts,
        f"{split}/seq.out": [tagging.TAGS] * count,
        f"{split}/label": kinds,
    }


TINY = Tiny(
    examples=[
        {
            "tokens": f"{'fly' if i % 2 else 'drive'} to {'Rome' if i % 3 else 'Bonn'}".split(),
            "tags": ["O", "O", "B-CITY"],
            "label": "flight" if i % 2 else "car",
        }
        for i in range(24)
    ],
    labelled=tagging.labelled,
    runs={
        "intent_slots": Run(
            {"source": "tagged", "train": "train", "dev": "dev", "label": "label"},
            tagged,
            shown=f"(fruit|tool) {tagging.TAGS} <- i want",
        )
    },
)
