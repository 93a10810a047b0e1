"""Running text."""

from tiny import Run, Tiny, rows

from tfapps.data.corpora import Corpus


def corpus(split, count):
    lines = []
    for _, text in rows(count):
        lines += [text, "then it is gone", ""]
    return {f"{split}.txt": lines}


TINY = Tiny(
    examples=Corpus(
        lambda: iter(
            [[f"the cat sees {i}", "it runs away", f"then {i} cats sleep"] for i in range(8)]
        ),
        ["contract"],
    ),
    variants=[{}, {"pairs": "next"}],
    labelled=lambda texts: Corpus(lambda: iter([texts]), ["served"]),
    runs={
        "masked_lm": Run(
            {"source": "corpus", "train": "train.txt", "dev": "dev.txt"},
            corpus,
            shown="(i want|then it)",
        )
    },
)
