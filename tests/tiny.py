"""How small every plug-in can be: for tests that run all of them."""

from tfapps import registry
from tfapps.data.corpora import Corpus

MODELS = {
    "bert": {"size": "tiny", "max_length": 12},
    "bilstm": {"units": 8, "embedding_size": 8, "max_length": 12},
    "bilstm_cnn": {"units": 8, "embedding_size": 8, "filters": 6, "max_length": 12},
    "seq2seq_lstm": {"units": 8, "embedding_size": 8, "max_length": 12},
    "seq2seq_transformer": {"width": 8, "heads": 2, "inner": 16, "max_length": 12},
}
EXAMPLES = {
    "classification": [
        {"text": f"{'good' if i % 2 else 'bad'} thing {i}", "label": "yes" if i % 2 else "no"}
        for i in range(24)
    ],
    "tagging": [
        {
            "tokens": f"{'Ann' if i % 2 else 'Bob'} Smith eats {i} plums".split(),
            "tags": ["B-PER", "I-PER", "O", "B-NUM", "O"],
            "document": i // 4,
        }
        for i in range(24)
    ],
    "intent_slots": [
        {
            "tokens": f"{'fly' if i % 2 else 'drive'} to {'Rome' if i % 3 else 'Bonn'}".split(),
            "tags": ["O", "O", "B-CITY"],
            "label": "flight" if i % 2 else "car",
        }
        for i in range(24)
    ],
    "translation": [
        {"text": f"{'gute' if i % 2 else 'böse'} Dinge {i}", "target": f"{i} things, all of them"}
        for i in range(24)
    ],
}
EXAMPLES["masked_lm"] = Corpus(
    lambda: iter([[f"the cat sees {i}", "it runs away", f"then {i} cats sleep"] for i in range(8)]),
    ["contract"],
)
EXAMPLES["prompt"] = EXAMPLES["classification"]
VARIANTS = {
    "classification": [{}, {"head": "prototype", "scale": 4.0}],
    "prompt": [{"pattern": "{text} [MASK]", "verbalizer": {"yes": "1", "no": ["2", "3"]}}],
    "masked_lm": [{}, {"pairs": "next"}],
    "tagging": [{}, {"crf": True, "scheme": "bioes"}, {"context": 4}],
}
TUNERS = {"adapter": {"size": 4}, "prefix": {"length": 2, "hidden": 4}}


def models(task):
    """Names of the models that go with a task."""
    kind = registry.load("task", task).Task
    return [
        model
        for model in registry.names("model")
        if kind.needs == registry.load("model", model).PROVIDES and model not in kind.not_with
    ]
