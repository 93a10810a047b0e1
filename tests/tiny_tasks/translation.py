"""Pairs of sentences."""

from tiny import Run, Tiny, rows, section


def parallel(split, count):
    texts = [text for _, text in rows(count)]
    return {f"{split}.de": texts, f"{split}.en": [text.upper() for text in texts]}


TINY = Tiny(
    examples=[
        {"text": f"{'gute' if i % 2 else 'böse'} Dinge {i}", "target": f"{i} things, all of them"}
        for i in range(24)
    ],
    labelled=lambda texts: [{"text": text, "target": text[::-1]} for text in texts],
    quick={"beam": 2},
    runs={
        "translation": Run(
            {"source": "parallel", "languages": ["de", "en"], "train": "train", "dev": "dev"},
            parallel,
            {"beam": 2},
            section("model", "seq2seq_lstm"),
            shown=r"I WANT THE \w+ NUMBER \d <- I want",
        )
    },
)
