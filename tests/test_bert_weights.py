import json
from pathlib import Path

import keras
import numpy as np
import pytest

from tfapps.errors import InputError
from tfapps.models import bert
from tfapps.models.parts import bert_weights
from tfapps.presets import presets
from tfapps.presets.packages import MINILM, PRESETS, SMALL
from tfapps.presets.presets import locate, vocabulary

# KerasHub saves its presets by numpy.array(variable).
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

needs_minilm = pytest.mark.skipif(
    PRESETS[MINILM].packages[0].folder() is None, reason="weights not installed"
)
SENTENCES = (
    "the card i ordered two weeks ago still has not arrived .",
    "why was i charged twice for the same coffee ?",
    "hello",
)


def features(rows=3, length=12, vocabulary=50, seed=0):
    draw = np.random.default_rng(seed)
    mask = (np.arange(length) < np.array([length, 7, 1])[:rows, None]).astype("int32")
    return {
        "token_ids": draw.integers(1, vocabulary, (rows, length), dtype="int32") * mask,
        "segment_ids": draw.integers(0, 2, (rows, length), dtype="int32") * mask,
        "padding_mask": mask,
    }


def wordpiece_ids(preset):
    """Ids of plain lowercase words, all of them in the vocabulary."""
    words = vocabulary(preset)[0].read_text(encoding="utf-8").splitlines()
    number = {word: index for index, word in enumerate(words)}
    rows = [[number["[CLS]"], *map(number.get, s.split()), number["[SEP]"]] for s in SENTENCES]
    assert all(token is not None for row in rows for token in row)
    length = max(map(len, rows))
    ids = np.zeros((len(rows), length), "int32")
    for index, row in enumerate(rows):
        ids[index, : len(row)] = row
    return {
        "token_ids": ids,
        "padding_mask": (ids > 0).astype("int32"),
        "segment_ids": np.zeros_like(ids),
    }


needs_small = pytest.mark.skipif(
    PRESETS[MINILM].packages[0].folder() is None or PRESETS[SMALL].packages[0].folder() is None,
    reason="weights not installed",
)


@needs_small
def test_three_layers_equal_the_onnx_file_they_come_from(tmp_path, monkeypatch):
    onnx = pytest.importorskip("onnx")
    from onnx.reference import ReferenceEvaluator

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    config = bert.Config(preset=SMALL)
    model = bert.build(config, vocabulary_size=30522)
    bert.load_pretrained(config, model)
    assert presets.bert_shape(locate(SMALL)) == presets.BertShape(30522, 3, 384, 12, 1536, 512)

    x = wordpiece_ids(SMALL)
    (package,) = PRESETS[SMALL].packages
    graph = ReferenceEvaluator(onnx.load(package.folder() / package.file))
    feeds = {
        "input_ids": x["token_ids"].astype("int64"),
        "attention_mask": x["padding_mask"].astype("int64"),
    }
    *_, expected, pooled = graph.run(None, feeds)
    real = x["padding_mask"][..., None]
    states = np.asarray(model(x)["sequence"]) * real
    np.testing.assert_allclose(states, expected * real, atol=1e-4)
    np.testing.assert_allclose(states.sum(1) / real.sum(1), pooled, atol=1e-4)


@needs_minilm
def test_equals_kerashub_on_real_sentences():
    import keras_hub

    config = bert.Config(preset=MINILM, gelu="tanh")
    model = bert.build(config, vocabulary_size=30522)
    bert.load_pretrained(config, model)
    theirs = keras_hub.models.BertBackbone.from_preset(str(locate(MINILM)))
    x = wordpiece_ids(MINILM)
    real = x["padding_mask"][..., None]
    ours = np.asarray(model(x)["sequence"]) * real
    np.testing.assert_allclose(ours, np.asarray(theirs(x)["sequence_output"]) * real, atol=1e-4)

    read = bert_weights.from_huggingface(locate(MINILM))
    for path, array in bert_weights.from_kerashub(theirs).items():
        np.testing.assert_array_equal(array, read[path], err_msg=path)

    exact = bert.Config(preset=MINILM)
    model = bert.build(exact, vocabulary_size=30522)
    bert.load_pretrained(exact, model)
    for index in range(theirs.num_layers):
        block = theirs.get_layer(f"transformer_layer_{index}")
        block._feedforward_intermediate_dense.activation = lambda h: keras.ops.gelu(h, False)
    expected = np.asarray(theirs(x)["sequence_output"]) * real
    ours_exact = np.asarray(model(x)["sequence"]) * real
    np.testing.assert_allclose(ours_exact, expected, atol=1e-4)
    assert np.abs(ours_exact - ours).max() > 1e-4  # the two forms do differ


def kerashub_backbone():
    import keras_hub

    keras.utils.set_random_seed(3)
    return keras_hub.models.BertBackbone(
        vocabulary_size=50,
        num_layers=2,
        num_heads=2,
        hidden_dim=16,
        intermediate_dim=32,
        max_sequence_length=12,
    )


def test_local_kerashub_folder(tmp_path):
    backbone = kerashub_backbone()
    backbone.save_to_preset(str(tmp_path / "tiny"))
    config = bert.Config(preset=str(tmp_path / "tiny"), max_length=12, gelu="tanh")
    model = bert.build(config, vocabulary_size=50)
    bert.load_pretrained(config, model)
    x = features()
    real = x["padding_mask"][..., None]
    np.testing.assert_allclose(
        np.asarray(model(x)["sequence"]) * real,
        np.asarray(backbone(x)["sequence_output"]) * real,
        atol=1e-5,
    )


def huggingface_folder(folder: Path, **changes):
    """A Hugging Face folder with random weights of a 1-layer model, some replaced."""
    from safetensors.numpy import save_file

    draw = np.random.default_rng(0)
    block = "bert.encoder.layer.0"
    shapes = {
        "bert.embeddings.word_embeddings.weight": (50, 8),
        "bert.embeddings.position_embeddings.weight": (12, 8),
        "bert.embeddings.token_type_embeddings.weight": (2, 8),
        "bert.embeddings.LayerNorm.gamma": (8,),
        "bert.embeddings.LayerNorm.beta": (8,),
        **{f"{block}.attention.self.{p}.weight": (8, 8) for p in ("query", "key", "value")},
        **{f"{block}.attention.self.{p}.bias": (8,) for p in ("query", "key", "value")},
        f"{block}.attention.output.dense.weight": (8, 8),
        f"{block}.attention.output.dense.bias": (8,),
        f"{block}.attention.output.LayerNorm.gamma": (8,),
        f"{block}.attention.output.LayerNorm.beta": (8,),
        f"{block}.intermediate.dense.weight": (16, 8),
        f"{block}.intermediate.dense.bias": (16,),
        f"{block}.output.dense.weight": (8, 16),
        f"{block}.output.dense.bias": (8,),
        f"{block}.output.LayerNorm.gamma": (8,),
        f"{block}.output.LayerNorm.beta": (8,),
    }
    shapes.update(changes)
    tensors = {k: draw.normal(size=s).astype("float32") for k, s in shapes.items() if s is not None}
    folder.mkdir(parents=True, exist_ok=True)
    save_file(tensors, folder / "model.safetensors")
    config = {
        "model_type": "bert",
        "vocab_size": 50,
        "num_hidden_layers": 1,
        "hidden_size": 8,
        "num_attention_heads": 2,
        "intermediate_size": 16,
        "max_position_embeddings": 12,
    }
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    return bert.Config(preset=str(folder), max_length=12), tensors


def test_prefixed_huggingface_folder(tmp_path):
    config, tensors = huggingface_folder(tmp_path)
    model = bert.build(config, vocabulary_size=50)
    bert.load_pretrained(config, model)
    loaded = {weight.path: weight.numpy() for weight in model.weights}
    query = tensors["bert.encoder.layer.0.attention.self.query.weight"]
    np.testing.assert_array_equal(loaded["block_0_attention/qkv/kernel"][:, :8], query.T)
    np.testing.assert_array_equal(
        loaded["block_0_output_norm/gamma"], tensors["bert.encoder.layer.0.output.LayerNorm.gamma"]
    )


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (
            {"bert.encoder.layer.0.output.dense.weight": (8, 15)},
            r"block_0_output/kernel has shape \(15, 8\), expected \(16, 8\)",
        ),
        (
            {"bert.encoder.layer.0.intermediate.dense.bias": None},
            r"tensor encoder.layer.0.intermediate.dense.bias is missing",
        ),
    ],
)
def test_wrong_weights_are_refused(tmp_path, change, text):
    config, _ = huggingface_folder(tmp_path, **change)
    model = bert.build(config, vocabulary_size=50)
    with pytest.raises(InputError, match=text):
        bert.load_pretrained(config, model)


def test_broken_weights_file_is_refused(tmp_path):
    config, _ = huggingface_folder(tmp_path)
    model = bert.build(config, vocabulary_size=50)
    (tmp_path / "model.safetensors").write_bytes(b"no safetensors")
    with pytest.raises(InputError, match=r"cannot read .*model\.safetensors"):
        bert.load_pretrained(config, model)
