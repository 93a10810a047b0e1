"""A whole greedy translator as one graph says what the search around its steps says."""

import numpy as np
import pytest
from asking import same_as_interpreter, translator
from seq2seq_models import WORDS, fill

from tfapps.backends._interpreter import InterpreterSession
from tfapps.backends.keras import Keras
from tfapps.backends.litert import LiteRT, interpreter
from tfapps.backends.opening import open_file
from tfapps.decoding.beam import Search
from tfapps.errors import InputError
from tfapps.export import greedy, litert, saved_model
from tfapps.features.feature import tokens
from tfapps.forms.parts import greedy_graph
from tfapps.forms.parts.steps import Steps
from tfapps.models import seq2seq_lstm, seq2seq_transformer

LENGTH = 26
LIMIT = LENGTH - 1
LENGTHS = np.array([12, 9, 5, 3, 2, 1])
START = 2
HOW = Search(beam=1, length_penalty=0.7, coverage_penalty=0.3)
MODELS = {
    f"lstm-{'fed' if fed else 'unfed'}-{layers}": (
        seq2seq_lstm,
        {"units": 8, "embedding_size": 6, "input_feeding": fed, "decoder_layers": layers},
    )
    for fed in (False, True)
    for layers in (1, 2)
} | {
    name: (
        seq2seq_transformer,
        {"width": 8, "heads": 2, "inner": 12, "encoder_layers": 1, "decoder_layers": blocks},
    )
    for name, blocks in (("transformer", 1), ("transformer-2", 2))
}


def features(seed=0):
    mask = (np.arange(LENGTHS.max()) < LENGTHS[:, None]).astype("int32")
    ids = np.random.default_rng(seed).integers(4, WORDS, mask.shape, dtype="int32")
    return {"token_ids": ids * mask, "padding_mask": mask}


class Made:
    """A small model, an end that comes early in some answers, and files of it."""

    def __init__(self, name, folder):
        self.module, options = MODELS[name]
        self.config = self.module.Config(max_length=LENGTH, **options)
        model = self.build()
        self.keras = Keras(
            {"encode": self.module.encoder_of(model), "step": self.module.step_of(model)}
        )
        self.end = self._end()
        common = {"rebuild": self.build, "split": self.split, "max_length": LENGTH}
        saved_model.export(["saved_model"], folder=folder, **common)
        greedy.export(["litert_greedy"], folder=folder, **common)
        self.saved, self.file = folder / "saved_model", folder / "litert" / "greedy.tflite"

    def build(self, batch_size=None, length=None):
        sizes = {"batch_size": batch_size, "length": length}
        return fill(self.module.build(self.config, vocabulary_size=WORDS, **sizes), 0.7)

    def split(self, model):
        graphs = {"encode": self.module.encoder_of(model), "step": self.module.step_of(model)}
        full = greedy_graph.Greedy(graphs["encode"], graphs["step"], START, self.end, LIMIT)
        return {**graphs, "translate": full}

    def search(self, inputs):
        """What `decoding.search` says with a beam of 1."""
        return self.form(self.keras)(inputs)

    def form(self, backend):
        return translator(backend, HOW, length=LENGTH, start_id=START, end_id=self.end)

    def _end(self):
        """The token that makes for the most lengths of answers."""
        steps = Steps(self.keras, tokens("token_ids", "padding_mask"))
        states, context = steps.encode(features())
        answers = [np.full(len(LENGTHS), START, "int32")]
        for _ in range(LIMIT):
            logits, states, _ = steps.step(answers[-1], states, context)
            answers.append(logits.argmax(-1).astype("int32"))
        answers = np.stack(answers[1:], axis=1).tolist()

        def lengths(end):  # a greedy answer goes the same way until its end, whichever that is
            return len({one.index(end) if end in one else LIMIT for one in answers})

        return max(range(WORDS), key=lengths)


# Others do with a layer more or less, or without what went before, what these do.
QUICK = ("lstm-fed-1", "transformer")


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(name, marks=[] if name in QUICK else [pytest.mark.slow]) for name in MODELS
    ],
)
def exported(request, tmp_path_factory):
    return Made(request.param, tmp_path_factory.mktemp("greedy"))


def whole(exported, kind):
    """A backend that has the search alone."""
    backend = open_file(exported.saved if kind == "saved_model" else exported.file)
    backend.signatures = {"translate": backend.signatures["translate"]}
    return exported.form(backend)


def translated(exported, kind, inputs):
    """What `translate` gives."""
    return whole(exported, kind).run("translate", inputs)


@pytest.mark.parametrize("kind", ["saved_model", "litert_greedy"])
def test_answers_scores_and_attention_are_those_of_the_search(exported, kind):
    inputs = features()
    expected = exported.search(inputs)
    assert len({len(one.token_ids) for (one,) in expected}) > 1  # some end, some go on
    answers = whole(exported, kind)(inputs)
    width = inputs["token_ids"].shape[1]
    for (one,), (reference,) in zip(answers, expected, strict=True):
        assert one.token_ids.tolist() == reference.token_ids.tolist()
        assert one.score == pytest.approx(reference.score, abs=1e-4)
        looked = reference.attention
        np.testing.assert_allclose(one.attention[:, : looked.shape[1]], looked, atol=1e-5)
        assert np.abs(one.attention[:, width:]).max(initial=0.0) < 1e-6


@pytest.mark.parametrize("kind", ["saved_model", "litert_greedy"])
def test_answers_stop_at_the_end_token_or_the_limit_of_a_row(exported, kind):
    actual = translated(exported, kind, features())
    behind = np.arange(LIMIT) >= actual["length"][:, None]
    assert actual["target_ids"].dtype == np.int32
    assert actual["target_ids"].shape == behind.shape
    assert not actual["target_ids"][behind].any()
    assert not (actual["target_ids"] == exported.end)[~behind].any()
    assert (actual["length"] <= np.minimum(2 * LENGTHS + 10, LIMIT)).all()
    behind_the_end = np.arange(LIMIT + 1) > actual["length"][:, None]
    assert not actual["attention"][behind_the_end].any()


def test_a_row_decodes_in_a_batch_as_it_does_alone(exported):
    form, inputs = whole(exported, "saved_model"), features()
    together = form.run("translate", inputs)
    for i, length in enumerate(LENGTHS):
        row = {name: value[i : i + 1, :length] for name, value in inputs.items()}
        alone = form.run("translate", row)
        assert alone["target_ids"][0].tolist() == together["target_ids"][i].tolist()
        assert alone["log_prob"][0] == pytest.approx(together["log_prob"][i], abs=1e-4)


def test_a_single_file_needs_builtin_ops_alone(exported):
    assert litert.foreign_ops(exported.file.read_bytes()) == []
    session = interpreter(exported.file)
    assert set(session.get_signature_list()) == {"translate"}
    for detail in session.get_signature_runner("translate").get_input_details().values():
        assert detail["shape"].tolist() == [1, LENGTH]


def test_weights_are_saved_once(exported):
    import tensorflow as tf

    stored = tf.train.load_checkpoint(str(exported.saved / "variables" / "variables"))
    floats = [kind for kind in stored.get_variable_to_dtype_map().values() if kind == tf.float32]
    assert len(floats) == len(exported.build().trainable_weights)


@pytest.mark.parametrize("exported", ["lstm-fed-1"], indirect=True)
def test_the_signatures_of_a_file_tell_where_its_search_is(exported, tmp_path):
    common = {"rebuild": exported.build, "split": exported.split, "max_length": LENGTH}
    litert.export(["litert_float32"], folder=tmp_path, **common)
    steps = tmp_path / "litert" / "float32.tflite"
    assert set(interpreter(steps).get_signature_list()) == {"encode", "step"}
    same_as_interpreter(steps, InterpreterSession)
    same_as_interpreter(exported.file, InterpreterSession)
    assert not exported.form(LiteRT(steps)).likeliest
    assert exported.form(LiteRT(exported.file)).likeliest
    half = LiteRT(steps)
    half.signatures = {"encode": half.signatures["encode"]}
    with pytest.raises(InputError, match=r"encode and step, or translate, got \['encode'\]"):
        exported.form(half)


def test_no_rows_give_no_answers(exported):
    nothing = {name: value[:0] for name, value in features().items()}
    for kind in ("saved_model", "litert_greedy"):
        assert whole(exported, kind)(nothing) == []
