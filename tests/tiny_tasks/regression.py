"""Texts with a number."""

from tiny import Run, Tiny, rows


def tsv(split, count):
    lines = [f"{text}\t{text.split()[-1]}.5" for _, text in rows(count)]
    return {f"{split}_numbers.tsv": ["text\tlabel", *lines]}


TINY = Tiny(
    examples=[
        {"text": f"{'good' if i % 2 else 'bad'} thing {i}", "label": f"{i % 2 + i / 100:.2f}"}
        for i in range(24)
    ],
    labelled=lambda texts: [{"text": text, "label": f"{i % 3}"} for i, text in enumerate(texts)],
    labels=("1", "2.5", "4"),
    runs={
        "regression": Run(
            {"source": "tsv", "train": "train_numbers.tsv", "dev": "dev_numbers.tsv"},
            tsv,
            shown=r"\d\.5 <- i want",
        )
    },
)
