"""What all translation models share: vocabularies, embeddings, and models of single steps."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from tfapps.errors import InputError
from tfapps.features.feature import Feature, tokens
from tfapps.models import _inputs, base

if TYPE_CHECKING:
    import keras

SOURCE = ("token_ids", "padding_mask")

Layers = dict[str, Any]
Tensors = Mapping[str, Any]
Encode = Callable[[Layers, Any, Any], Tensors]
Decode = Callable[[Layers, Any, Tensors], Tensors]


class Model(base.Model):
    """What other packages ask of a translation model."""

    provides = "seq2seq"
    auto_tokenizer = "bpe"

    @staticmethod
    def features(config: Any) -> tuple[Feature, ...]:
        """Return the inputs of a training graph."""
        length = config.max_length
        return (*tokens(*SOURCE, length=length), Feature("target_ids", length=length))


def tables(tie: str, source: int, target: int, width: int, initializer: Any) -> list[Any]:
    """Return the embedding and output layers for `tie`; `source` and `target` are rows.

    Args:
        initializer: returns a new Keras initializer per table: two must not draw equal numbers.

    Raises:
        InputError: `tie` is all, but there are two vocabularies.
    """
    from tfapps.layers.embedding import Embedding
    from tfapps.layers.linear import Linear
    from tfapps.layers.tied_embedding import TiedEmbedding

    def table(kind: Any, rows: int, name: str) -> Any:
        return kind(rows, width, embeddings_initializer=initializer(), name=name)

    if tie == "all":
        if source != target:
            raise InputError(
                f"model.tie: got all, but the vocabularies have {source} and {target} tokens; "
                "expected one joint vocabulary, or tie: target_output"
            )
        return [table(TiedEmbedding, source, "embeddings")]
    first = table(Embedding, source, "source_embeddings")
    if tie == "target_output":
        return [first, table(TiedEmbedding, target, "target_embeddings")]
    return [first, table(Embedding, target, "target_embeddings"), Linear(target, name="projection")]


def embedded(layers: Layers, side: str, token_ids: Any) -> Any:
    """Return the embeddings of the tokens of one side, "source" or "target"."""
    layer = layers.get(f"{side}_embeddings") or layers["embeddings"]
    return layer(token_ids)


def logits(layers: Layers, x: Any) -> Any:
    """Return the scores of all target tokens: (..., d) -> (..., v)."""
    if "projection" in layers:
        return layers["projection"](x)
    return (layers.get("target_embeddings") or layers["embeddings"])(x, project=True)


def by_name(model: keras.Model) -> Layers:
    """Return the layers of a model, or of its clone, by name."""
    return {layer.name: layer for layer in model.layers}


def encoder(
    model: keras.Model, encode: Encode, batch_size: int | None, length: int | None
) -> keras.Model:
    """Build token_ids, padding_mask (b, s) -> initial states and context, on `model`'s layers.

    Sizes default to those of `model`.
    """
    import keras

    sizes = model.input["token_ids"].shape
    tensors = _inputs.tensors(tokens(*SOURCE), batch_size or sizes[0], length or sizes[1])
    return keras.Model(tensors, encode(by_name(model), *tensors.values()), name="encoder")


def step(model: keras.Model, encoded: keras.Model, decode: Decode) -> keras.Model:
    """Build one step on the layers of `model`; states and context have the shapes of `encoded`.

    Args:
        decode: target tokens (n, 1) and the encoder's outputs -> logits (n, 1, v), attention
            (n, 1, s), and the states by their names.
    """
    import keras
    from keras import ops

    def as_input(name: str, tensor: Any) -> Any:
        batch, *shape = tensor.shape
        return keras.Input(shape, batch_size=batch, dtype=tensor.dtype, name=name)

    batch = encoded.input["token_ids"].shape[0]
    token_ids = keras.Input((), batch_size=batch, dtype="int32", name="token_ids")
    before = {name: as_input(name, tensor) for name, tensor in encoded.output.items()}
    after = dict(decode(by_name(model), ops.expand_dims(token_ids, 1), before))
    for name in ("logits", "attention"):
        after[name] = ops.squeeze(after[name], 1)
    return keras.Model({"token_ids": token_ids, **before}, after, name="step")
