"""A translation transformer (Vaswani et al. 2017, "Attention Is All You Need")."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field, model_validator

from tfapps.config.sections import Section
from tfapps.errors import InputError
from tfapps.models import _inputs, _seq2seq
from tfapps.models._seq2seq import Layers, Tensors

if TYPE_CHECKING:
    import keras


EPSILON = 1e-6


class Config(Section):
    """Encoder and decoder of attention and feed-forward blocks.

    Attributes:
        max_length: positions of source and target; an answer can have no more steps.
        width: of tokens between all blocks.
        inner: of the feed-forward blocks.
        norm: before each block ("pre", which trains more easily) or after its sum ("post").
        tie: which embeddings are one table: target and output, or source as well.
        attention_dropout: on attention weights.
    """

    tiny: ClassVar = {
        "width": 8,
        "heads": 2,
        "inner": 16,
        "encoder_layers": 1,
        "decoder_layers": 1,
        "max_length": 12,
    }

    name: str = "seq2seq_transformer"
    max_length: int = Field(64, ge=2)
    width: int = Field(256, ge=1)
    heads: int = Field(4, ge=1)
    encoder_layers: int = Field(3, ge=1)
    decoder_layers: int = Field(3, ge=1)
    inner: int = Field(1024, ge=1)
    norm: Literal["pre", "post"] = "pre"
    positions: Literal["sinusoidal", "learned"] = "sinusoidal"
    activation: Literal["relu", "gelu"] = "relu"
    tie: Literal["none", "target_output", "all"] = "target_output"
    dropout: float = Field(0.3, ge=0, lt=1)
    embedding_dropout: float | None = Field(None, ge=0, lt=1)
    attention_dropout: float = Field(0.1, ge=0, lt=1)

    @model_validator(mode="after")
    def _whole_heads(self) -> Config:
        if self.width % self.heads:
            raise ValueError(f"width: got {self.width}, expected a multiple of heads, {self.heads}")
        return self


def states(config: Config) -> tuple[str, ...]:
    """Return the names of what one step of the decoder hands to the next."""
    return ("position", *_pairs("", config.decoder_layers))


def context(config: Config) -> tuple[str, ...]:
    """Return the names of what all steps read."""
    return ("memory_bias", *_pairs("memory_", config.decoder_layers))


def build(
    config: Config,
    *,
    vocabulary_size: int,
    target_vocabulary_size: int | None = None,
    batch_size: int | None = None,
    length: int | None = None,
) -> keras.Model:
    """Return the training graph with random weights; of static shape if both sizes are given.

    Args:
        target_vocabulary_size: None is one joint vocabulary.

    Shapes: token_ids, padding_mask (b, s), target_ids (b, t), the start token first
    -> logits (b, t, v).

    Raises:
        InputError: `length` or the vocabularies do not fit the model.
    """
    import keras

    if length is not None and length > config.max_length:
        raise InputError(
            f"length: got {length}, but the model has {config.max_length} positions; raise "
            "model.max_length"
        )
    inputs = _inputs.tensors(Model.features(config), batch_size, length)
    layer_list = _layers(config, vocabulary_size, target_vocabulary_size or vocabulary_size)
    layers = {layer.name: layer for layer in layer_list}
    encoded = _encode(layers, inputs["token_ids"], inputs["padding_mask"])
    memory = {name: encoded[name] for name in context(config)}
    decoded = _decode(layers, inputs["target_ids"], memory)
    return keras.Model(inputs, {"logits": decoded["logits"]}, name=config.name)


def encoder_of(
    model: keras.Model, batch_size: int | None = None, length: int | None = None
) -> keras.Model:
    """Return the encoder of a model or of its clone, on the same weights.

    Shapes: token_ids, padding_mask (b, s) -> memory_bias (b, 1, 1, s), memory_keys_0 (b, heads,
    size, s), memory_values_0 (b, heads, s, size), ..., and the first states: position (b,) int32,
    keys_0 (b, heads, size, max_length), values_0 (b, heads, max_length, size), ...
    """

    def encode(layers: Layers, token_ids: Any, padding_mask: Any) -> Tensors:
        return {**_encode(layers, token_ids, padding_mask), **_first(layers, token_ids)}

    return _seq2seq.encoder(model, encode, batch_size, length)


def step_of(
    model: keras.Model, batch_size: int | None = None, length: int | None = None
) -> keras.Model:
    """Return one step of the decoder of a model or of its clone, on the same weights.

    Shapes: token_ids (n,), states and context as `encoder_of` gives them -> logits (n, v),
    attention (n, s) of the last block, and the next states by the same names. After `max_length`
    steps nothing more is kept.
    """
    return _seq2seq.step(model, encoder_of(model, batch_size, length), _decode)


def _pairs(prefix: str, depth: int) -> list[str]:
    return [f"{prefix}{part}_{i}" for i in range(depth) for part in ("keys", "values")]


def _depth(layers: Layers, side: str) -> int:
    return sum(f"{side}_{i}_attention" in layers for i in range(len(layers)))


def _layers(config: Config, source: int, target: int) -> list[Any]:
    from keras.initializers import RandomNormal

    from tfapps.layers.attention import SelfAttention
    from tfapps.layers.attention_bias import AttentionBias
    from tfapps.layers.causal_attention import CausalAttention
    from tfapps.layers.causal_bias import CausalBias
    from tfapps.layers.cross_attention import CrossAttention
    from tfapps.layers.dropout import Dropout
    from tfapps.layers.memory_heads import MemoryHeads
    from tfapps.layers.positions import Positions

    def table() -> Any:
        return RandomNormal(stddev=config.width**-0.5)

    layer_list = _seq2seq.tables(config.tie, source, target, config.width, table)
    rate = config.dropout if config.embedding_dropout is None else config.embedding_dropout
    for side in ("source", "target"):
        layer_list += [Positions(config.max_length, config.positions, name=f"{side}_positions")]
        layer_list += [Dropout(rate, name=f"{side}_dropout")]
    layer_list += [AttentionBias(name="memory_bias"), CausalBias(name="causal_bias")]
    layer_list += [MemoryHeads(config.decoder_layers, config.heads, name="memory")]
    heads = {"heads": config.heads, "dropout": config.attention_dropout}
    for i in range(config.encoder_layers):
        layer_list += _residual(config, f"encoder_{i}_attention", SelfAttention, **heads)
        layer_list += _feed_forward(config, f"encoder_{i}")
    for i in range(config.decoder_layers):
        layer_list += _residual(config, f"decoder_{i}_attention", CausalAttention, **heads)
        layer_list += _residual(config, f"decoder_{i}_cross", CrossAttention, **heads)
        layer_list += _feed_forward(config, f"decoder_{i}")
    return layer_list + (_norms("encoder", "decoder") if config.norm == "pre" else [])


def _residual(config: Config, name: str, kind: Any, **options: Any) -> list[Any]:
    """Return a block and the layers around it."""
    import keras

    from tfapps.layers.dropout import Dropout

    layer_list = [kind(**options, name=name), Dropout(config.dropout, name=f"{name}_dropout")]
    sums = [keras.layers.Add(name=f"{name}_sum")] if config.norm == "pre" else []
    return [*layer_list, *_norms(name), *sums]


def _norms(*names: str) -> list[Any]:
    from tfapps.layers.layer_norm import LayerNorm

    return [LayerNorm(EPSILON, name=f"{name}_norm") for name in names]


def _feed_forward(config: Config, name: str) -> list[Any]:
    from tfapps.layers.linear import Linear

    inner = Linear(config.inner, config.activation, name=f"{name}_intermediate")
    return [inner, *_residual(config, f"{name}_output", Linear, units=config.width)]


def _encode(layers: Layers, token_ids: Any, padding_mask: Any) -> Tensors:
    """Return the context."""
    bias = layers["memory_bias"](padding_mask)
    x = layers["source_positions"](_seq2seq.embedded(layers, "source", token_ids))
    x = layers["source_dropout"](x)
    for i in range(_depth(layers, "encoder")):
        x = _around(layers, f"encoder_{i}_attention", x, lambda block, y: block(y, bias))
        x = _fed_forward(layers, f"encoder_{i}", x)
    x = layers["encoder_norm"](x) if "encoder_norm" in layers else x
    heads = layers["memory"](x)
    return {
        "memory_bias": bias,
        **dict(zip(_pairs("memory_", len(heads) // 2), heads, strict=True)),
    }


def _first(layers: Layers, token_ids: Any) -> Tensors:
    """Return the states before the first step."""
    from tfapps.layers.empty_cache import EmptyCache

    depth, block = _depth(layers, "decoder"), layers["decoder_0_attention"]
    length = layers["target_positions"].length
    empty = EmptyCache(depth, block.heads, block.size, length, name="empty_cache")(token_ids)
    return dict(zip(("position", *_pairs("", depth)), empty, strict=True))


def _decode(layers: Layers, target_ids: Any, tensors: Tensors) -> Tensors:
    """Return logits, attention and, if states are given, the next states."""
    from keras import ops

    position, after = tensors.get("position"), {}
    x = _seq2seq.embedded(layers, "target", target_ids)
    x = layers["target_dropout"](layers["target_positions"](x, position=position))
    place = {} if position is None else {"position": position}
    causal = layers["causal_bias"](tensors.get("keys_0", target_ids), **place)
    for i in range(_depth(layers, "decoder")):
        cache = {part: tensors[f"{part}_{i}"] for part in ("keys", "values") if place} | place
        x, now = _attended(layers, f"decoder_{i}_attention", x, causal, **cache)
        after |= {f"keys_{i}": now[0], f"values_{i}": now[1]}
        pair = [tensors[f"memory_{part}_{i}"] for part in ("keys", "values")]
        x, (weights,) = _attended(layers, f"decoder_{i}_cross", x, *pair, tensors["memory_bias"])
        x = _fed_forward(layers, f"decoder_{i}", x)
    x = layers["decoder_norm"](x) if "decoder_norm" in layers else x
    if position is not None:
        after["position"] = ops.add(position, 1)
    return {"logits": _seq2seq.logits(layers, x), "attention": weights, **after}


def _around(layers: Layers, name: str, x: Any, call: Callable[[Any, Any], Any]) -> Any:
    """Apply a block with its sum and normalisation, which comes first or last."""
    block, norm, dropout = (layers[f"{name}{part}"] for part in ("", "_norm", "_dropout"))
    if f"{name}_sum" in layers:
        return layers[f"{name}_sum"]([x, dropout(call(block, norm(x)))])
    return norm(dropout(call(block, x)), x)


def _attended(layers: Layers, name: str, x: Any, *args: Any, **cache: Any) -> tuple[Any, list[Any]]:
    """Return the result of `_around`, and the attention block's other outputs."""
    extras: list[Any] = []

    def call(block: Any, y: Any) -> Any:
        y, *also = block(y, *args, **cache)
        extras.extend(also)
        return y

    return _around(layers, name, x, call), extras


def _fed_forward(layers: Layers, name: str, x: Any) -> Any:
    inner = layers[f"{name}_intermediate"]
    return _around(layers, f"{name}_output", x, lambda block, y: block(inner(y)))


class Model(_seq2seq.Model):
    """The hooks that other packages call."""

    parts = ("attention", "dense layers", "word pieces")
    build = staticmethod(build)
    encoder_of = staticmethod(encoder_of)
    step_of = staticmethod(step_of)
