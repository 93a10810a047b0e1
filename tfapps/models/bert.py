"""BERT as a flat functional encoder of our own layers, with or without pre-trained weights."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field, model_validator

from tfapps.config.reads import Weights
from tfapps.config.sections import Section
from tfapps.errors import InputError
from tfapps.features.feature import Feature, tokens
from tfapps.models import _inputs, _tokenizers, base
from tfapps.presets import presets
from tfapps.text.surface import CASES

if TYPE_CHECKING:
    import keras

    from tfapps.config.sections import TextConfig
    from tfapps.presets.presets import BertShape
    from tfapps.text.tokenizer import Tokenizer

SPREAD = 0.02  # of randomly initialized embeddings, and of the kernels of deep models
# Shallow models train several times as fast if inner kernels preserve the scale of their input.
SHALLOW = 4
# Layers and width of the sizes Google published; heads are 64 wide, the inner layer is 4 times d.
SIZES = {"tiny": (2, 128), "mini": (4, 256), "small": (4, 512), "base": (12, 768)}


class Config(Section):
    """A BERT encoder: `preset` loads weights and dimensions, `size` starts from random weights.

    Attributes:
        layers: number of blocks, overriding `size`; of a preset, this many of its blocks at equal
            distances, for a smaller student.
        case: feed the model whether each piece's word is in lower or upper case, which an
            uncased vocabulary omits.
    """

    tiny: ClassVar = {"size": "tiny", "layers": 1, "max_length": 12}

    name: str = "bert"
    preset: Weights | None = None
    size: Literal["tiny", "mini", "small", "base"] | None = None
    layers: int | None = Field(None, ge=1)
    max_length: int = Field(128, ge=2)
    pooling: Literal["mean", "cls", "max"] = "mean"
    dropout: float = Field(0.1, ge=0, lt=1)
    attention_dropout: float | None = Field(None, ge=0, lt=1)
    gelu: Literal["exact", "tanh"] = "exact"
    case: bool = False

    @model_validator(mode="after")
    def _one_origin(self) -> Config:
        if (self.preset is None) == (self.size is None):
            got = "neither" if self.preset is None else "both"
            raise ValueError(
                f"got {got} of preset and size, expected exactly one: preset for pre-trained "
                f"weights, size ({', '.join(SIZES)}) to start from random ones"
            )
        return self


def tokenizer(config: Config, text: TextConfig, texts: Iterable[str]) -> Tokenizer:
    """Return the preset's own WordPiece tokenizer, or one trained on `texts`.

    Raises:
        InputError: the text section asks for a tokenizer that does not fit the model.
    """
    from tfapps.text.tokenizer import Tokenizer

    if config.preset is not None:
        if text.tokenizer not in ("auto", "preset"):
            raise InputError(
                f"text.tokenizer: got {text.tokenizer}, expected auto or preset: the embeddings of "
                f"preset {config.preset} only fit its own vocabulary"
            )
        folder = presets.locate(config.preset)
        if presets.folder_format(folder) == presets.RUN:
            return Tokenizer.load(folder / "text").looking_at(*_surface(config))
        preset_tokenizer = Tokenizer.from_wordpiece(*presets.vocabulary(config.preset))
        return preset_tokenizer.looking_at(*_surface(config))
    if text.tokenizer == "preset":
        raise InputError("text.tokenizer: got preset, but model.preset is not set")
    return _tokenizers.train(text, texts, auto="wordpiece").looking_at(*_surface(config))


def features(config: Config) -> tuple[Feature, ...]:
    """Return the inputs of the model."""
    names = ("token_ids", "padding_mask", "segment_ids", *_surface(config))
    return tokens(*names, length=config.max_length)


def _surface(config: Config) -> tuple[str, ...]:
    return ("case_ids",) if config.case else ()


def shape(config: Config, vocabulary_size: int | None) -> BertShape:
    """Return the dimensions of the encoder; a vocabulary of None is that of the preset.

    Raises:
        InputError: `max_length` or `vocabulary_size` does not fit the preset.
    """
    if config.preset is None:
        layers, hidden = SIZES[config.size]
        heads, inner = hidden // presets.HEAD_WIDTH, 4 * hidden
        return presets.BertShape(
            vocabulary_size, config.layers or layers, hidden, heads, inner, config.max_length
        )
    preset_shape = presets.bert_shape(presets.locate(config.preset))
    if config.max_length > preset_shape.positions:
        raise InputError(
            f"model.max_length: got {config.max_length}, but preset {config.preset} has "
            f"{preset_shape.positions} positions; lower model.max_length"
        )
    if vocabulary_size not in (None, preset_shape.vocabulary_size):
        raise InputError(
            f"preset {config.preset} has a vocabulary of {preset_shape.vocabulary_size} tokens, "
            f"the tokenizer has {vocabulary_size}; set text.tokenizer to auto"
        )
    if config.layers is None:
        return preset_shape
    if config.layers > preset_shape.layers:
        raise InputError(
            f"model.layers: got {config.layers}, but preset {config.preset} has "
            f"{preset_shape.layers}"
        )
    return dataclasses.replace(preset_shape, layers=config.layers)


def architecture(config: Config, vocabulary_size: int) -> dict[str, Any]:
    """Return what `build` takes in place of the preset or the size."""
    return dataclasses.asdict(shape(config, vocabulary_size))


def build(
    config: Config,
    *,
    vocabulary_size: int,
    batch_size: int | None = None,
    length: int | None = None,
    architecture: Mapping[str, Any] | None = None,
) -> keras.Model:
    """Return the encoder with random weights; a graph of static shape if both sizes are given.

    Shapes: token_ids, padding_mask, segment_ids, case_ids if `case` (b, t) -> sequence (b, t, d),
    pooled (b, d).

    Raises:
        InputError: `length` or the vocabulary do not fit.
    """
    import keras

    from tfapps.layers.attention_bias import AttentionBias
    from tfapps.layers.pooling import Pooling

    if architecture:
        dims = presets.shape_of({**architecture, "vocabulary_size": vocabulary_size})
    else:
        dims = shape(config, vocabulary_size)
    if length is not None and length > dims.positions:
        raise InputError(f"length: got {length}, but the model has {dims.positions} positions")
    tensors = _inputs.tensors(features(config), batch_size, length)
    attention_bias = AttentionBias(name="attention_bias")(tensors["padding_mask"])
    x = _embed(config, dims, tensors)
    for index in range(dims.layers):
        x = _block(config, dims, index, x, attention_bias)
    pooled = Pooling(config.pooling, name="pooling")(x, tensors["padding_mask"])
    return keras.Model(tensors, {"sequence": x, "pooled": pooled}, name="bert")


def load_pretrained(config: Config, model: keras.Model, tokenizer: Any = None) -> None:
    """Copy the weights of the preset into `model`.

    Without a preset two things start better than random: positions are sinusoids, so that
    neighbours are similar from the first step, and attention and dense layers add little to a
    state at first.

    Raises:
        InputError: the weights are missing, or have other shapes than the model.
    """
    from tfapps.models.parts import bert_weights

    if config.preset is None:
        _start(model)
        return
    arrays = bert_weights.read(config.preset)
    if config.layers is not None:
        arrays = bert_weights.shortened(arrays, config.layers)
    bert_weights.assign(model, arrays, config.preset)


def _start(model: keras.Model) -> None:
    from tfapps.layers.attention import SelfAttention
    from tfapps.layers.positions import sinusoids

    table = model.get_layer("embeddings").position
    table.assign(sinusoids(*table.shape) * (SPREAD * 2**0.5))  # SPREAD is their mean square's root
    for layer in model.layers:
        if isinstance(layer, SelfAttention):
            kernel = layer.output_projection.kernel
            kernel.assign(kernel * (SPREAD / kernel.numpy().std()))


def _initializer(dims: BertShape | None = None) -> keras.initializers.Initializer:
    """Return the initializer of tables, or of the kernels of a model of dimensions `dims`."""
    import keras

    shallow = dims is not None and dims.layers <= SHALLOW
    return keras.initializers.TruncatedNormal(stddev=dims.hidden**-0.5 if shallow else SPREAD)


def _embed(
    config: Config, dims: BertShape, inputs: dict[str, keras.KerasTensor]
) -> keras.KerasTensor:
    from tfapps.layers.dropout import Dropout
    from tfapps.layers.embedding import Embedding
    from tfapps.layers.embeddings import BertEmbeddings
    from tfapps.layers.layer_norm import LayerNorm

    x = BertEmbeddings(
        dims.vocabulary_size,
        dims.positions,
        dims.hidden,
        dims.segments,
        initializer=_initializer(),
        name="embeddings",
    )(inputs["token_ids"], inputs["segment_ids"])
    norm = LayerNorm(dims.epsilon, name="embeddings_norm")
    if not config.case:
        x = norm(x)
    else:
        # Zeros, so that the model initially equals the preset.
        options = {"embeddings_initializer": "zeros", "name": "case_embeddings"}
        x = norm(x, Embedding(CASES, dims.hidden, **options)(inputs["case_ids"]))
    return Dropout(config.dropout, name="embeddings_dropout")(x)


def _block(
    config: Config,
    dims: BertShape,
    index: int,
    x: keras.KerasTensor,
    attention_bias: keras.KerasTensor,
) -> keras.KerasTensor:
    """Return one post-norm transformer block: attention, then two dense layers."""
    from tfapps.layers.attention import SelfAttention
    from tfapps.layers.dropout import Dropout
    from tfapps.layers.layer_norm import LayerNorm
    from tfapps.layers.linear import Linear

    def name(part: str) -> str:
        return f"block_{index}_{part}"

    rate = config.dropout if config.attention_dropout is None else config.attention_dropout
    attended = SelfAttention(
        dims.heads, dropout=rate, kernel_initializer=_initializer(dims), name=name("attention")
    )(x, attention_bias)
    attended = Dropout(config.dropout, name=name("attention_dropout"))(attended)
    x = LayerNorm(dims.epsilon, name=name("attention_norm"))(attended, x)
    inner = Linear(
        dims.intermediate,
        activation="gelu" if config.gelu == "exact" else "gelu_tanh",
        kernel_initializer=_initializer(dims),
        name=name("intermediate"),
    )(x)
    outer = Linear(dims.hidden, kernel_initializer=_initializer(), name=name("output"))(inner)
    outer = Dropout(config.dropout, name=name("output_dropout"))(outer)
    return LayerNorm(dims.epsilon, name=name("output_norm"))(outer, x)


class Model(base.Model):
    """The hooks that other packages call."""

    parts = ("attention", "transformer blocks", "dense layers", "word pieces", "preset")
    features = staticmethod(features)
    tokenizer = staticmethod(tokenizer)
    build = staticmethod(build)
    load_pretrained = staticmethod(load_pretrained)
    architecture = staticmethod(architecture)

    @staticmethod
    def preset(config: Config) -> str | None:
        """Return what the weights are taken from."""
        return config.preset

    @staticmethod
    def weights(config: Config) -> base.Weights:
        """Return the number of weights, by entry of the vocabulary and of all else."""
        dims = dataclasses.replace(shape(config, None), vocabulary_size=0)
        return base.Weights(dims.hidden, dims.parameters + config.case * CASES * dims.hidden)

    @classmethod
    def learning_rate(cls, config: Config) -> float:
        """Return 5e-5 for pre-trained weights (Devlin et al. 2019, A.3)."""
        return 3e-4 if config.preset is None else 5e-5
