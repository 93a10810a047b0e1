"""Models to start from, the best first: which data each is for, and how it is trained."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

# Of pre-trained encoders; those of the shipped configs intents_bert_banking77 and ner_bert.
_TUNED = {"learning_rate": 1e-4, "head_learning_rate": 1e-3, "warmup": 0.1}


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


def _minilm(preset: str, layers: int, speed: int) -> Point:
    """Return a pre-trained encoder, with the vocabulary entries that the data uses."""
    return Point(
        {"name": "bert", "preset": preset},
        f"MiniLM, {layers} layers, pre-trained on English",
        speed=speed,
        epochs=(2, 5, 20),
        steps=600,
        train=_TUNED,
        compress=({"name": "trim_vocabulary"},),
        tagging={"case": True},
        english=True,
    )


POINTS = (
    _minilm("minilm_l6", 6, speed=2_300),
    _minilm("minilm_l3", 3, speed=3_500),
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
