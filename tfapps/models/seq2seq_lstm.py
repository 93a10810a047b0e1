"""A translation model of LSTMs with attention: small, and every step has the same cost.

Luong et al. 2015, "Effective Approaches to Attention-based Neural Machine Translation".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field, model_validator

from tfapps.config.sections import Section
from tfapps.models import _inputs, _seq2seq, _sizes, base
from tfapps.models._seq2seq import Layers, Tensors

if TYPE_CHECKING:
    import keras


class Config(Section):
    """A bidirectional encoder, a decoder, and attention between them.

    Attributes:
        units: width of the decoder's LSTMs; half of it for each direction of the encoder.
        tie: which embeddings are one table: target and output, or source as well.
        input_feeding: feed the previous step's attended context to the decoder; it
            then trains step by step, which takes about a quarter longer on a CPU.
        dropout: between layers and in front of the logits.
        variational: drop the same values at all positions of a sequence.
    """

    tiny: ClassVar = {"units": 8, "embedding_size": 8, "max_length": 12}

    name: str = "seq2seq_lstm"
    max_length: int = Field(64, ge=2)
    embedding_size: int = Field(256, ge=1)
    units: int = Field(512, ge=2)
    encoder_layers: int = Field(1, ge=1)
    decoder_layers: int = Field(1, ge=1)
    attention: Literal["dot", "additive"] = "dot"
    input_feeding: bool = False
    tie: Literal["none", "target_output", "all"] = "target_output"
    dropout: float = Field(0.3, ge=0, lt=1)
    embedding_dropout: float | None = Field(None, ge=0, lt=1)
    variational: bool = False

    @model_validator(mode="after")
    def _two_directions(self) -> Config:
        if self.units % 2:
            raise ValueError(
                f"units: got {self.units}, expected an even number: each direction of the encoder "
                "has half of them"
            )
        return self


def states(config: Config) -> tuple[str, ...]:
    """Return the names of what one step of the decoder hands to the next."""
    cells = [f"{part}_{i}" for i in range(config.decoder_layers) for part in ("h", "c")]
    return (*cells, "fed") if config.input_feeding else tuple(cells)


def context(config: Config) -> tuple[str, ...]:
    """Return the names of what all steps read."""
    return ("memory", "memory_keys", "memory_bias")


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
        InputError: `tie` is all, but there are two vocabularies.
    """
    import keras

    inputs = _inputs.tensors(Model.features(config), batch_size, length)
    layer_list = _layers(config, vocabulary_size, target_vocabulary_size or vocabulary_size)
    layers = {layer.name: layer for layer in layer_list}
    encoded = _encode(layers, inputs["token_ids"], inputs["padding_mask"])
    decoded = _decode(layers, inputs["target_ids"], encoded)
    return keras.Model(inputs, {"logits": decoded["logits"]}, name=config.name)


def encoder_of(
    model: keras.Model, batch_size: int | None = None, length: int | None = None
) -> keras.Model:
    """Return the encoder of a model or of its clone, on the same weights.

    Shapes: token_ids, padding_mask (b, s) -> memory, memory_keys (b, s, units), memory_bias
    (b, 1, 1, s), and the first states: h_0, c_0, ... (b, units), fed (b, embedding_size).
    """
    return _seq2seq.encoder(model, _encode, batch_size, length)


def step_of(
    model: keras.Model, batch_size: int | None = None, length: int | None = None
) -> keras.Model:
    """Return one step of the decoder of a model or of its clone, on the same weights.

    Shapes: token_ids (n,), states and context as `encoder_of` gives them -> logits (n, v),
    attention (n, s), and the next states by the same names.
    """
    return _seq2seq.step(model, encoder_of(model, batch_size, length), _decode)


def _layers(config: Config, source: int, target: int) -> list[Any]:
    from keras.initializers import RandomNormal

    from tfapps.layers.attention_bias import AttentionBias
    from tfapps.layers.bidirectional import BidirectionalLSTM
    from tfapps.layers.bridge import Bridge
    from tfapps.layers.linear import Linear
    from tfapps.layers.reverse import ReverseOrder

    first = config.dropout if config.embedding_dropout is None else config.embedding_dropout

    def table() -> RandomNormal:
        # With smaller rows a tied output would start with nearly equal logits.
        return RandomNormal(stddev=config.embedding_size**-0.5)

    widths = [config.units] * 2 * config.decoder_layers
    widths += [config.embedding_size] * config.input_feeding
    layer_list = _seq2seq.tables(config.tie, source, target, config.embedding_size, table)
    layer_list += [_dropout(config, side, first) for side in ("source", "target")]
    layer_list += [_dropout(config, "logits", config.dropout)]
    layer_list += [ReverseOrder(name="reverse_order"), AttentionBias(name="memory_bias")]
    for i in range(config.encoder_layers):
        halves = {"quantize_products": True, "name": f"encoder_{i}"}
        layer_list += [BidirectionalLSTM(config.units // 2, **halves)]
        layer_list += [_dropout(config, f"encoder_{i}", config.dropout)]
    layer_list += [
        Linear(config.units, use_bias=False, name="memory_keys"),
        Bridge(widths, name="bridge"),
    ]
    return layer_list + (_fed(config) if config.input_feeding else _unfed(config))


def _dropout(config: Config, name: str, rate: float) -> Any:
    from tfapps.layers.dropout import Dropout

    return Dropout(rate, over_time=config.variational, name=f"{name}_dropout")


def _fed(config: Config) -> list[Any]:
    """Return the decoder as one layer, because all of it is inside the loop."""
    from tfapps.layers.attentional_lstm import AttentionalLSTM

    layer = AttentionalLSTM(
        config.units,
        config.embedding_size,
        config.decoder_layers,
        config.attention,
        config.dropout,
        config.variational,
        name="decoder",
    )
    return [layer]


def _unfed(config: Config) -> list[Any]:
    """Return the decoder as layers that each process all target positions at once."""
    import keras

    from tfapps.layers.linear import Linear
    from tfapps.layers.lstm import LSTM
    from tfapps.layers.memory_attention import MemoryAttention

    layer_list: list[Any] = []
    for i in range(config.decoder_layers):
        options = {"return_sequences": True, "return_state": True, "quantize_products": True}
        layer_list += [LSTM(config.units, **options, name=f"decoder_{i}")]
        if i + 1 < config.decoder_layers:
            layer_list += [_dropout(config, f"decoder_{i}", config.dropout)]
    return [
        *layer_list,
        MemoryAttention(config.attention, name="attention"),
        keras.layers.Concatenate(name="context_and_state"),
        Linear(config.embedding_size, "tanh", name="merge"),
    ]


def _encode(layers: Layers, token_ids: Any, padding_mask: Any) -> Tensors:
    """Return context and initial states."""
    order = layers["reverse_order"](padding_mask)
    x = layers["source_dropout"](_seq2seq.embedded(layers, "source", token_ids))
    i = 0
    while f"encoder_{i}" in layers:
        x = layers[f"encoder_{i}_dropout"](layers[f"encoder_{i}"](x, order))
        i += 1
    first = layers["bridge"](x, padding_mask)
    names = [f"{part}_{i}" for i in range(len(first) // 2) for part in ("h", "c")]
    names += ["fed"] * (len(first) % 2)
    return {
        "memory": x,
        "memory_keys": layers["memory_keys"](x),
        "memory_bias": layers["memory_bias"](padding_mask),
        **dict(zip(names, first, strict=True)),
    }


def _decode(layers: Layers, target_ids: Any, tensors: Tensors) -> Tensors:
    """Return logits, attention and last states, for all positions or a single one."""
    x = layers["target_dropout"](_seq2seq.embedded(layers, "target", target_ids))
    memory = [tensors[name] for name in ("memory_keys", "memory", "memory_bias")]
    names = [name for name in tensors if not name.startswith("memory")]
    if "decoder" in layers:
        x, weights, *after = layers["decoder"](x, [tensors[name] for name in names], *memory)
    else:
        after = []
        for i in range(len(names) // 2):
            x, *last = layers[f"decoder_{i}"](
                x, initial_state=[tensors[f"h_{i}"], tensors[f"c_{i}"]]
            )
            x = layers[f"decoder_{i}_dropout"](x) if f"decoder_{i}_dropout" in layers else x
            after += last
        attended, weights = layers["attention"](x, *memory)
        x = layers["merge"](layers["context_and_state"]([attended, x]))
    logits = _seq2seq.logits(layers, layers["logits_dropout"](x))
    return {"logits": logits, "attention": weights, **dict(zip(names, after, strict=True))}


class Model(_seq2seq.Model):
    """The hooks that other packages call."""

    from_nothing = 2e-3
    parts = ("dense layers", "word pieces")
    build = staticmethod(build)
    encoder_of = staticmethod(encoder_of)
    step_of = staticmethod(step_of)

    @staticmethod
    def weights(config: Config) -> base.Weights | None:
        """Return the number of weights; None with input feeding or additive attention."""
        if config.input_feeding or config.attention != "dot":
            return None
        size, units = config.embedding_size, config.units
        tables = {"all": 1, "target_output": 2, "none": 3}[config.tie]
        others = _sizes.bidirectional(size, units // 2, config.encoder_layers) + units * units
        others += _sizes.linear(units, 2 * units * config.decoder_layers)
        others += _sizes.lstm(size, units) + (config.decoder_layers - 1) * _sizes.lstm(units, units)
        return base.Weights(tables * size + 1, others + _sizes.linear(2 * units, size))
