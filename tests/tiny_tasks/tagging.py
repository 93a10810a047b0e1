"""Sentences with tagged words."""

from tiny import Run, Tiny, rows

TAGS = "O O O B-THING O B-NUMBER"


def conll(split, count):
    lines = []
    for _, text in rows(count):
        pairs = zip(text.split(), TAGS.split(), strict=True)
        lines += [*(f"{word} {tag}" for word, tag in pairs), ""]
    return {f"{split}.conll": lines}


def labelled(texts):
    tags = ["B-PER", "I-PER", "O", "B-CITY"]
    return [
        {"tokens": text.split(), "tags": tags, "label": f"class {i % 3}"}
        for i, text in enumerate(texts)
    ]


TINY = Tiny(
    examples=[
        {
            "tokens": f"{'Ann' if i % 2 else 'Bob'} Smith eats {i} plums".split(),
            "tags": ["B-PER", "I-PER", "O", "B-NUM", "O"],
            "document": i // 4,
        }
        for i in range(24)
    ],
    variants=[{}, {"crf": True, "scheme": "bioes"}, {"context": 4}],
    labelled=labelled,
    options={"crf": True},
    runs={
        "tagging": Run(
            {"source": "conll", "train": "train.conll", "dev": "dev.conll"},
            conll,
            shown=f"{TAGS} <- i want",
        )
    },
)
