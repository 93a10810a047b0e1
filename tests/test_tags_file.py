"""The best path of a CRF inside a file says what it says outside."""

import keras
import numpy as np
import pytest
from asking import form_of

from tfapps.decoding import viterbi
from tfapps.export import edge_quantizer, litert, saved_model
from tfapps.export.parts import module
from tfapps.forms.parts import tags_graph
from tfapps.layers.crf import CRF
from tfapps.layers.embedding import Embedding

LENGTH, WORDS, TAGS = 9, 40, 5
ALLOWED = np.ones((TAGS + 2, TAGS), bool)
ALLOWED[1, 2:4] = ALLOWED[TAGS, 1] = ALLOWED[TAGS + 1, 0] = False


def build(batch_size=None, length=None):
    keras.utils.set_random_seed(3)
    shape = {"shape": (length,), "batch_size": batch_size, "dtype": "int32"}
    inputs = {name: keras.Input(name=name, **shape) for name in ("token_ids", "padding_mask")}
    table = Embedding(WORDS, TAGS, embeddings_initializer=keras.initializers.RandomNormal(0, 1.0))
    logits, transitions = CRF(name="crf")(table(inputs["token_ids"]))
    model = keras.Model(inputs, {"logits": logits, "transitions": transitions})
    draw = np.random.default_rng(4).normal(size=(TAGS + 2, TAGS))
    model.get_layer("crf").transitions.assign(draw)
    return model


def split(model):
    return {
        **module.serving_signature(model),
        tags_graph.SIGNATURE: tags_graph.Tagger(model, ALLOWED),
    }


def features(rows=12):
    generator = np.random.default_rng(5)
    ids = generator.integers(0, WORDS, (rows, LENGTH), dtype="int32")
    starts = (generator.random((rows, LENGTH)) < 0.6).astype("int32")
    starts[0], starts[1], starts[2, :3] = 1, 0, [0, 0, 1]
    return {"token_ids": ids, "padding_mask": np.ones_like(ids), "word_starts": starts}


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tags")
    inputs = {"rebuild": build, "max_length": LENGTH, "split": split, "folder": folder}
    saved_model.export(["saved_model"], **inputs)
    litert.export(["litert_float32", "litert_dynamic"], **inputs)
    return {
        "saved_model": form_of(folder / "saved_model"),
        "litert_float32": form_of(folder / "litert" / "float32.tflite"),
        "folder": folder,
    }


@pytest.mark.parametrize("name", ["saved_model", "litert_float32"])
def test_the_same_path_as_in_numpy(files, name):
    rows = features()
    actual = files[name].run(tags_graph.SIGNATURE, rows)["tags"]
    outputs = build()({name: rows[name] for name in ("token_ids", "padding_mask")})
    logits, transitions = (np.asarray(outputs[key]) for key in ("logits", "transitions"))
    for row, starts in enumerate(rows["word_starts"].astype(bool)):
        assert (actual[row][~starts] == -1).all()
        if starts.any():
            best = viterbi.best_path(logits[row][starts], transitions[row], ALLOWED)
            assert actual[row][starts].tolist() == best.tolist()


def test_files_with_tags_keep_their_logits(files):
    rows = features()
    inputs = {name: rows[name] for name in ("token_ids", "padding_mask")}
    full = form_of(
        files["folder"] / "litert" / "float32.tflite", outputs=("logits", "transitions")
    )(inputs)
    expected = build()(inputs)
    for name in ("logits", "transitions"):
        np.testing.assert_allclose(full[name], expected[name], atol=1e-6)


def test_files_that_are_calibrated_have_one_signature(tmp_path):
    rows = features(4)
    inputs = {name: rows[name] for name in ("token_ids", "padding_mask")}
    edge_quantizer.export(
        ["litert_int4"],
        rebuild=build,
        max_length=LENGTH,
        calibration=[inputs],
        split=split,
        folder=tmp_path,
    )
    runner = form_of(tmp_path / "litert" / "int4.tflite", outputs=("logits", "transitions"))
    assert runner(inputs)["logits"].shape == (4, LENGTH, TAGS)
