"""Leave out word pieces that the texts do not use: half of a small BERT is its embedding table.

A text of known words whose pieces all stay gets the same answers as before. Any other word is spelt
in smaller pieces, and is never unknown if each of its characters has a piece of its own. A word
with a character that has none may become unknown, or be known where it was unknown before.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pydantic import Field

from tfapps.compress import base
from tfapps.compress._fine_tune import FineTune
from tfapps.config.reads import DataFile

if TYPE_CHECKING:
    import keras
    import numpy as np

    from tfapps.compress.parts.job import Job
    from tfapps.text.tokenizer import Tokenizer

_FIRST = "it was fitted to the whole table and the old pieces; put trim_vocabulary first"
NOT_AFTER = dict.fromkeys(("qat", "prune", "prune_structured", "cluster"), _FIRST)
# The argument of a layer that says how many rows its table has; the table is its first weight.
ROWS = {"BertEmbeddings": "vocabulary_size", "Embedding": "input_dim"}


class Config(FineTune):
    """Which pieces stay, beside those that any text can be spelt in.

    Attributes:
        epochs: of fine-tuning; the texts of the training lose nothing, so none is needed.
        min_count: how often the training split must use a piece.
        words: a frequency list, a `word` or `word<TAB>count` a line; all their pieces stay too.
        size: fill up to so many pieces with those whose vectors are most like those of the pieces
            used: a text of the same subject that is yet to come needs them first.
    """

    name: str = "trim_vocabulary"
    epochs: int = Field(0, ge=0, le=1_000_000)
    min_count: int = Field(1, ge=1)
    words: DataFile | None = None
    size: int | None = Field(None, ge=1)


def plan(config: Config, job: Job) -> dict[str, Any]:
    """How many pieces there are, and the ids of those that stay, ascending.

    Raises:
        InputError: the tokenizer is no WordPiece, no table fits it, or `words` is malformed.
    """
    import numpy as np

    from tfapps.errors import InputError
    from tfapps.text.tokenizer import SPECIALS
    from tfapps.text.vocabulary import spelling

    tokenizer, pieces = job.tokenizer, job.tokenizer.vocabulary_size
    if tokenizer.kind != "wordpiece":
        raise InputError(
            f"trim_vocabulary: the tokenizer is one of {tokenizer.kind}, expected wordpiece: what "
            "is left out there cannot be spelt in smaller pieces; lower text.vocabulary_size"
        )
    tables = _tables(job.model, pieces)
    if not tables:
        raise InputError(
            f"trim_vocabulary: the model has no embedding table of {pieces} pieces; build it of "
            "the layers in tfapps.layers"
        )
    used = _used(config, job)
    letters = [
        tokenizer.vocabulary[piece]
        for piece in spelling(tokenizer.vocabulary, SPECIALS["wordpiece"])
    ]
    kept = used.copy()
    kept[letters] = True
    if config.size is not None:
        used[letters] = False  # letters say little about the subject
        order = _likeness(np.asarray(tables[0].weights[0]), used)
        there = np.isin(order, list(tokenizer.vocabulary.values()))
        order = order[there & ~kept[order]]
        kept[order[: max(0, config.size - int(kept.sum()))]] = True
    return {"pieces": pieces, "kept": np.flatnonzero(kept).tolist()}


def tokenizer(plan: Mapping[str, Any], tokenizer: Tokenizer) -> Tokenizer:
    """The tokenizer of the pieces that stay."""
    return tokenizer.trimmed(plan["kept"])


def build(config: Config, model: keras.Model, plan: Mapping[str, Any]) -> keras.Model:
    """The same model with the rows of the pieces that stay."""
    from keras import ops

    from tfapps.graph.clone import clone

    kept = plan["kept"]
    tables = {layer.name: layer for layer in _tables(model, plan["pieces"])}

    def change(layer: Any) -> dict[str, int]:
        if hasattr(layer, "token_id"):
            return {"token_id": kept.index(layer.token_id)}
        return {ROWS[type(layer).__name__]: len(kept)} if layer.name in tables else {}

    made = clone(model, change)
    for layer in _tables(made, len(kept)):
        if layer.name in tables:
            table = ops.convert_to_tensor(tables[layer.name].weights[0])
            layer.weights[0].assign(ops.take(table, kept, axis=0))
    # `report` sees the model alone, and how much went is not to be read off it.
    made.pieces = {"pieces": len(kept), "pieces_before": plan["pieces"]}
    return made


def report(config: Config, model: keras.Model) -> dict[str, float]:
    """How many pieces are left, of how many."""
    return dict(model.pieces)


def _tables(model: keras.Model, pieces: int) -> list[Any]:
    """The layers that look up one of so many pieces."""
    from tfapps.graph.clone import leaves

    return [
        layer
        for layer in leaves(model)
        if layer.get_config().get(ROWS.get(type(layer).__name__)) == pieces
    ]


def _used(config: Config, job: Job) -> np.ndarray:
    """Which pieces the training split (as the model reads it) or the list of words uses, (v,)."""
    import numpy as np

    counts = np.zeros(job.tokenizer.vocabulary_size, np.int64)
    for features, *_ in job.batches("train"):
        counts += np.bincount(np.ravel(features["token_ids"]), minlength=len(counts))
    used = counts >= config.min_count
    if config.words is not None:
        ids = job.tokenizer.encode(_words(config.words, job.root)).token_ids
        used[np.concatenate(ids)] = True
    return used


def _words(path: str, root: str | None) -> list[str]:
    """The words of a frequency list.

    Raises:
        InputError: no such file, or a line that is neither a word nor a word with a count.
    """
    from tfapps.config import paths
    from tfapps.data import files
    from tfapps.errors import InputError

    file = paths.locate(path, root)
    found = []
    for number, line in enumerate(files.read_lines(file, settable=False), 1):
        word, *count = line.split("\t")
        if not line.strip():
            continue
        if word.split() != [word] or len(count) > 1 or (count and not count[0].isdecimal()):
            raise InputError(
                f"{file}:{number}: {files.short(line)}, expected a word, or a word, a tab and "
                "how often it was seen"
            )
        found.append(word)
    return found


def _likeness(table: np.ndarray, used: np.ndarray) -> np.ndarray:
    """All ids, those first whose rows (v, d) point most where the used ones do on average."""
    import numpy as np

    rows = table - table.mean(axis=0)
    rows /= np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
    return np.argsort(-(rows @ rows[used].sum(axis=0)), kind="stable")


class Compressor(base.Compressor):
    """What other packages ask of this file."""

    needs_part = "word pieces"
    not_after = NOT_AFTER
    not_in_steps = "what is left out could be neither read nor said; lower text.vocabulary_size"
    retokenizes = True
    plan = staticmethod(plan)
    tokenizer = staticmethod(tokenizer)
    build = staticmethod(build)
    report = staticmethod(report)
