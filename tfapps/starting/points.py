"""Models to start from, the best first: which data each is for, and how it is trained."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

# Of pre-trained encoders; those of the shipped configs intents_bert_banking77 and ner_bert.
_TUNED = {"learning_rate": 1e-4, "head_learning_rate": 1e-3, "warmup": 0.1}
_TRIM = ({"name": "trim_vocabulary"},)


@dataclass(frozen=True)
class Point:
    """A model to start from.

    Attributes:
        model: the section `model:`, without `max_length`.
        about: what it is, in a few words.
        speed: tokens that training processes a second on 2 CPU cores.
        epochs: the fewest, the usual number, and the most, which few rows need.
        steps: of training, as many as few rows need.
        train, text: more options of these sections.
        compress: the section `compress:`.
        tagging: more options of the model, for tasks that tag words.
        task: options of such a task.
        english: it has learned English only.
        tags: whether it is for tasks that tag words; None is for all.
        pairs: whether it compares the texts of a pair.
    """

    model: Mapping[str, Any]
    about: str
    speed: int
    epochs: tuple[int, int, int]
    steps: int
    train: Mapping[str, Any] = field(default_factory=dict)
    text: Mapping[str, Any] = field(default_factory=dict)
    compress: Sequence[Mapping[str, Any]] = ()
    tagging: Mapping[str, Any] = field(default_factory=dict)
    task: Mapping[str, Any] = field(default_factory=dict)
    english: bool = False
    tags: bool | None = None
    pairs: bool = True


POINTS = (
    Point(
        {"name": "bert", "preset": "minilm_l6"},
        "MiniLM, 6 layers, pre-trained on English",
        speed=2_300,
        epochs=(2, 5, 20),
        steps=600,
        train=_TUNED,
        compress=_TRIM,
        tagging={"case": True},
        english=True,
    ),
    Point(
        {"name": "bert", "preset": "minilm_l3"},
        "MiniLM, 3 layers, pre-trained on English",
        speed=3_500,
        epochs=(2, 5, 20),
        steps=600,
        train=_TUNED,
        compress=_TRIM,
        tagging={"case": True},
        english=True,
    ),
    Point(
        {"name": "bilstm_cnn"},
        "a bidirectional LSTM over words and their letters, from nothing",
        speed=8_000,
        epochs=(5, 20, 40),
        steps=2_000,
        train={"learning_rate": 3e-3, "warmup": 0.05},
        task={"crf": True, "scheme": "bioes"},
        tags=True,
    ),
    Point(
        {"name": "text_cnn"},
        "a convolutional network over words, from nothing",
        speed=12_000,
        epochs=(5, 20, 40),
        steps=2_000,
        train={"learning_rate": 2e-3, "warmup": 0.05},
        text={"tokenizer": "words"},
        tags=False,
        pairs=False,
    ),
    Point(
        {"name": "bert", "size": "tiny"},
        "a BERT of 2 layers, from nothing",
        speed=15_000,
        epochs=(5, 20, 40),
        steps=2_000,
        train={"learning_rate": 3e-4, "warmup": 0.05},
        tags=False,
    ),
    Point(
        {"name": "seq2seq_lstm", "embedding_size": 128, "units": 256, "tie": "all"},
        "LSTMs with attention, from nothing",
        speed=6_000,
        epochs=(5, 20, 30),
        steps=2_500,
        train={"learning_rate": 3e-3, "warmup": 0.05, "label_smoothing": 0.1},
    ),
)
