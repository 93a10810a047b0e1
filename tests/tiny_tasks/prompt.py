"""Texts whose label is a word in a gap."""

from tiny import Run, Tiny
from tiny_tasks import classification

WORDS = ("ann", "smith", "eats")

TINY = Tiny(
    examples=classification.TINY.examples,
    variants=[{"pattern": "{text} [MASK]", "verbalizer": {"yes": "1", "no": ["2", "3"]}}],
    labelled=classification.TINY.labelled,
    options={"verbalizer": {f"class {i}": word for i, word in enumerate(WORDS)}},
    runs={
        "prompt": Run(
            classification.TSV,
            classification.tsv,
            {
                "pattern": "the [MASK]: {text}",
                "verbalizer": {"fruit": "pear", "tool": ["saw", "drill"]},
            },
            {"name": "bert", "preset": "saved_models/masked_lm", "max_length": 16},
            after=("masked_lm",),
        )
    },
)
