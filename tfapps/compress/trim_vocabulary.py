"""Remove word pieces that the texts do not use: half of a small BERT is its embedding table.

A text of known words whose pieces all remain gets the same answers. Any other word is spelled
in smaller pieces, and is never unknown if each of its characters has its own piece. A word
with a character that has none may become unknown, or become known.
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

_FIRST = "it was fitted to the full table and the old pieces; put trim_vocabulary first"
NOT_AFTER = dict.fromkeys(("qat", "prune", "prune_structured", "cluster"), _FIRST)
# The argument that holds a layer's number of table rows; the table is its first weight.
ROWS = {"BertEmbeddings": "vocabulary_size", "Embedding": "input_dim"}


class Config(FineTune):
    """Which pieces remain, besides those needed to spell any text.

    Attributes:
        epochs: epochs of fine-tuning; training texts keep all their pieces, so 0 is enough.
        min_count: how often the training split must use a piece.
        words: a frequency list, one `word` or `word<TAB>count` per line; their pieces remain too.
        size: fill up to this many pieces with those whose vectors are most similar to the used
            ones: new texts on the same subject are most likely to need them.
    """

    name: str = "trim_vocabulary"
    epochs: int = Field(0, ge=0, le=1_000_000)
    min_count: int = Field(1, ge=1)
    words: DataFile | None = None
    size: int | None = Field(None, ge=1)


def plan(config: Config, job: Job) -> dict[str, Any]:
    """Return the number of pieces, and the ids of those that remain, ascending.

    Raises:
        InputError: the tokenizer is not WordPiece, no table fits it, or `words` is malformed.
    """
    import numpy as np

    from tfapps.errors import InputError
    from tfapps.text.tokenizer import SPECIALS
    from tfapps.text.vocabulary import spelling

    tokenizer, pieces = job.tokenizer, job.tokenizer.vocabulary_size
    if tokenizer.kind != "wordpiece":
        raise InputError(
            f"trim_vocabulary: the tokenizer is {tokenizer.kind}, expected wordpiece: other kinds "
            "cannot spell removed pieces in smaller ones; lower text.vocabulary_size"
        )
    tables = _tables(job.model, pieces)
    if not tables:
        raise InputError(
            f"trim_vocabulary: the model has no embedding table of {pieces} pieces; build it from "
            "the layers in tfapps.layers"
        )
    used = _used(config, job)
    spelling_ids = [
        tokenizer.vocabulary[piece]
        for piece in spelling(tokenizer.vocabulary, SPECIALS["wordpiece"])
    ]
    keep = used.copy()
    keep[spelling_ids] = True
    if config.size is not None:
        used[spelling_ids] = False  # single letters carry little about the subject
        order = _likeness(np.asarray(tables[0].weights[0]), used)
        valid = np.isin(order, list(tokenizer.vocabulary.values()))
        order = order[valid & ~keep[order]]
        keep[order[: max(0, config.size - int(keep.sum()))]] = True
    return {"pieces": pieces, "kept": np.flatnonzero(keep).tolist()}


def tokenizer(plan: Mapping[str, Any], tokenizer: Tokenizer) -> Tokenizer:
    """Return the tokenizer of the remaining pieces."""
    return tokenizer.trimmed(plan["kept"])


def build(config: Config, model: keras.Model, plan: Mapping[str, Any]) -> keras.Model:
    """Return the same model with only the rows of the remaining pieces."""
    from keras import ops

    from tfapps.graph.clone import clone

    keep = plan["kept"]
    tables = {layer.name: layer for layer in _tables(model, plan["pieces"])}

    def change(layer: Any) -> dict[str, int]:
        if hasattr(layer, "token_id"):
            return {"token_id": keep.index(layer.token_id)}
        return {ROWS[type(layer).__name__]: len(keep)} if layer.name in tables else {}

    trimmed = clone(model, change)
    for layer in _tables(trimmed, len(keep)):
        if layer.name in tables:
            table = ops.convert_to_tensor(tables[layer.name].weights[0])
            layer.weights[0].assign(ops.take(table, keep, axis=0))
    # `report` gets only the model, which does not show how many pieces were removed.
    trimmed.pieces = {"pieces": len(keep), "pieces_before": plan["pieces"]}
    return trimmed


def report(config: Config, model: keras.Model) -> dict[str, float]:
    """Return the numbers of pieces after and before."""
    return dict(model.pieces)


def _tables(model: keras.Model, pieces: int) -> list[Any]:
    """Return the layers with a table of `pieces` rows."""
    from tfapps.graph.clone import leaves

    return [
        layer
        for layer in leaves(model)
        if layer.get_config().get(ROWS.get(type(layer).__name__)) == pieces
    ]


def _used(config: Config, job: Job) -> np.ndarray:
    """Return which pieces the training split (as encoded) or the list of words uses, (v,)."""
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
    """Return the words of a frequency list.

    Raises:
        InputError: no such file, or a line that is neither a word nor a word with a count.
    """
    from tfapps.config import paths
    from tfapps.data import files
    from tfapps.errors import InputError

    file = paths.locate(path, root)
    words = []
    for number, line in enumerate(files.read_lines(file, settable=False), 1):
        word, *count = line.split("\t")
        if not line.strip():
            continue
        if word.split() != [word] or len(count) > 1 or (count and not count[0].isdecimal()):
            raise InputError(
                f"{file}:{number}: {files.short(line)}, expected a word, or a word, a tab and "
                "how often it was seen"
            )
        words.append(word)
    return words


def _likeness(table: np.ndarray, used: np.ndarray) -> np.ndarray:
    """Return all ids, ordered by similarity of their rows (v, d) to the mean of the used ones."""
    import numpy as np

    rows = table - table.mean(axis=0)
    rows /= np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
    return np.argsort(-(rows @ rows[used].sum(axis=0)), kind="stable")


class Compressor(base.Compressor):
    """The hooks that other packages call."""

    needs_part = "word pieces"
    not_after = NOT_AFTER
    not_in_steps = "removed pieces could be neither read nor written; lower text.vocabulary_size"
    retokenizes = True
    plan = staticmethod(plan)
    tokenizer = staticmethod(tokenizer)
    build = staticmethod(build)
    report = staticmethod(report)
