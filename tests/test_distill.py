"""Students that learn from finished runs."""

import json

import numpy as np
import pytest
from running import BERT, CNN, TINY, at

from tfapps.bundle.bundle import Bundle
from tfapps.config import load as configs
from tfapps.data.augment import MASK, masked_copies
from tfapps.errors import InputError
from tfapps.graph import weights
from tfapps.models.parts.bert_weights import evenly, shortened
from tfapps.runs import teachers
from tfapps.runs.lessons import lessons
from tfapps.runs.prepared import prepare
from tfapps.serve.predictor import Predictor
from tfapps.stages.run import run
from tfapps.stages.train import _build, train
from tfapps.train import answers, blocks
from tfapps.train.objectives import distill

NOTHING = "export: []\n"
TWO = "name: bert, size: tiny"  # of two blocks, as the teacher
WIDE = "name: text_cnn, embedding_size: 24, filters: 24, widths: [1], dropout: 0.0"


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("distilled")
    (folder / "more.txt").write_text("I want the apple\n\nI want the saw\nplum, please\n")
    with at(folder, 64):
        train(config_of(folder, "teacher", "name: plain", TWO, "", "train.epochs=1"))
        train(config_of(folder, "other", "name: plain", CNN, "seed: 5\n", *UNTRAINED))
        yield folder


UNTRAINED = ["train.epochs=0", "task.head_start=means"]
SLOWER = ["train.epochs=10", "train.learning_rate=0.005"]
MORE = ["unlabelled: more.txt", "augment: 2"]
LONGER = ["train.epochs=8", "train.learning_rate=0.02"]


def config_of(folder, name, objective="name: plain", model=TWO, rest="", *more):
    text = TINY.split("export:")[0].replace(BERT, model)
    path = folder / f"{name}.yaml"
    path.write_text(f"{text}objective: {{{objective}}}\n{rest}{NOTHING}")
    return configs.load(path, more)


def taught(*more, by="saved_models/teacher"):
    return ", ".join(["name: distill", f"teacher: {by}", *more])


def values(bundle):
    from safetensors.numpy import load_file

    return load_file(bundle.weights)


def test_distillation_of_weight_0_is_plain_training(place):
    once = ("", "train.epochs=1")
    alone = values(train(config_of(place, "alone", "name: plain", CNN, *once)))
    student = values(train(config_of(place, "unmoved", taught("weight: 0.0"), CNN, *once)))
    for path, value in alone.items():
        np.testing.assert_allclose(student[path], value, atol=1e-6, err_msg=path)


def test_a_student_of_another_architecture_learns_from_unlabelled_texts_too(place):
    # All of the loss is the divergence from the teacher, which reads with another tokenizer.
    objective = taught("weight: 1.0", "temperature: 1.0", *MORE)
    bundle = train(config_of(place, "student", objective, WIDE, "", *LONGER))
    losses = [record["loss"] for record in bundle.metrics["training"]]
    assert losses[-1] < losses[0] / 10


def test_answers_are_those_of_the_teacher_in_the_students_order(place):
    prepared = prepare(config_of(place, "asks", taught(), CNN))
    texts = [example["text"] for example in prepared.examples["train"]][:5]
    teacher_logits = Predictor.open("saved_models/teacher", "keras").logits(texts)
    np.testing.assert_allclose(
        teachers.answers(prepared, ["saved_models/teacher"], texts), teacher_logits, atol=1e-6
    )
    prepared.task.labels.reverse()
    np.testing.assert_allclose(
        teachers.answers(prepared, ["saved_models/teacher"], texts),
        teacher_logits[:, ::-1],
        atol=1e-6,
    )


def test_several_teachers_are_one_of_their_mean_probability(place):
    both = ["saved_models/teacher", "saved_models/other"]
    prepared = prepare(config_of(place, "asks_two", taught(by=f"[{', '.join(both)}]"), CNN))
    texts = ["the apple", "a hammer"]
    probabilities = [np.exp(teachers.answers(prepared, [path], texts)) for path in both]
    mean = sum(p / p.sum(-1, keepdims=True) for p in probabilities) / 2
    np.testing.assert_allclose(np.exp(teachers.answers(prepared, both, texts)), mean, atol=1e-5)


def test_unlabelled_texts_get_the_answers_of_the_teacher(place):
    lesson = lessons(prepare(config_of(place, "transfer", taught(*MORE), CNN)))
    labelled = lesson.extra["labelled"]
    assert labelled[:64].all()
    assert not labelled[64:].any()
    assert len(labelled) == len(lesson.extra[answers.TEACHER_LOGITS]) > 64 + 3 + 64
    assert lesson.labelled == 64 / len(labelled)


def test_the_vocabulary_includes_unlabelled_texts(place):
    place.joinpath("strange.txt").write_text("a qwzx qwzx qwzx\n" * 20, encoding="utf-8")
    known = [
        "qwzx" in prepare(config_of(place, name, taught(*more), CNN)).tokenizer.pieces()
        for name, more in (("alone", ()), ("beside", ("unlabelled: strange.txt",)))
    ]
    assert known == [False, True]


@pytest.mark.parametrize(
    "model",
    [
        BERT,
        pytest.param(TWO, marks=pytest.mark.slow),
        pytest.param("name: bert, size: mini", marks=pytest.mark.slow),  # of another width
    ],
)
def test_states_and_attention_come_closer(place, model, capsys):
    more = ("states: 1.0", "attention: 1.0")
    settings = config_of(place, "close", taught(*more), model)
    lesson = lessons(prepare(settings))
    assert lesson.teachers == ("saved_models/teacher",)
    bundle = train(settings)
    losses = [record["loss"] for record in bundle.metrics["training"]]
    assert losses[-1] < losses[0]


def test_a_trained_projection_joins_different_widths(place):
    from tfapps.assembly.assemble import assemble
    from tfapps.stages.train import objective
    from tfapps.train import strategy
    from tfapps.train.optimizers import make
    from tfapps.train.step import Step

    settings = config_of(place, "wide", taught("states: 1.0"), "name: bert, size: mini, layers: 1")
    prepared = prepare(settings)
    lesson = lessons(prepared)
    model = assemble(settings, prepared.task, vocabulary_size=prepared.tokenizer.vocabulary_size)
    learns = objective(lesson, model, 4)
    assert [tuple(v.shape) for v in learns.variables] == [(256, 128)]
    batches = lesson.batches(1)
    place = strategy.make("one_device")
    step = Step(
        model,
        learns,
        make.make(0.01, weight_decay=0.0),
        place,
        spec=batches.epoch(0).element_spec,
        rows=8,
    )
    before = learns.variables[0].numpy()
    step(next(iter(batches.epoch(0))))
    assert np.abs(learns.variables[0].numpy() - before).max() > 0


def test_a_teacher_equal_to_the_student_has_distance_0(place):
    from tfapps.runs.teachers import models

    prepared = prepare(config_of(place, "same", taught("states: 2.0", "attention: 3.0")))
    (teacher,) = models(prepared, ["saved_models/teacher"])
    rows = prepared.arrays("dev")
    settings = distill.Config(teacher=("x",), states=2.0, attention=3.0)
    logits, taught_logits, far = blocks.Blocks(settings, teacher, [teacher])(rows, False)
    np.testing.assert_allclose(far, 0, atol=1e-6)
    np.testing.assert_allclose(taught_logits[0], logits, atol=1e-6)


def test_attention_maps_are_those_that_were_used(place):
    from tfapps.runs.teachers import models

    prepared = prepare(config_of(place, "maps", taught("attention: 1.0")))
    (teacher,) = models(prepared, ["saved_models/teacher"])
    layer = teacher.get_layer("block_0_attention")
    random = np.random.default_rng(0)
    x = random.normal(size=(2, 5, 128)).astype("float32")
    bias = np.zeros((2, 1, 1, 5), "float32")
    weights = np.asarray(layer.weights_of(x, bias))
    np.testing.assert_allclose(weights.sum(-1), 1, rtol=1e-5)
    values = np.split(np.asarray(layer.qkv(x)), 3, axis=-1)[2].reshape(2, 5, layer.heads, -1)
    mixed = np.einsum("bhts,bshd->bthd", weights, values).reshape(2, 5, -1)
    np.testing.assert_allclose(layer(x, bias), layer.output_projection(mixed), atol=1e-5)


@pytest.mark.slow
def test_a_student_is_exported_and_quantized(place):
    path = place / "small.yaml"
    text = TINY.split("export:")[0].replace(BERT, CNN)
    path.write_text(
        f"{text}objective: {{{taught('augment: 4')}}}\n"
        "compress:\n  - {name: qat, epochs: 1, distill: 0.5}\nexport: [litert_int8]\n"
    )
    proof = json.loads((run(configs.load(path, SLOWER)).path / "verify.json").read_text())
    assert proof["litert_int8"]["agreement"] > 0.8


def test_retraining_a_teacher_retrains_its_students(place):
    settings = config_of(place, "follows", taught(by="saved_models/again"), CNN)
    train(config_of(place, "again", "name: plain", CNN, "", *UNTRAINED))
    first = prepare(settings).fingerprint
    train(config_of(place, "again", "name: plain", CNN, "seed: 8\n", *UNTRAINED), overwrite=True)
    assert prepare(settings).fingerprint != first


@pytest.mark.parametrize(
    ("objective", "model", "text"),
    [
        (taught(by="saved_models/nobody"), CNN, "no such run"),
        (taught("states: 1.0"), CNN, "teacher and student need one tokenizer|no transformer"),
        (
            taught("states: 1.0", by="[saved_models/teacher, saved_models/other]"),
            TWO,
            "need one teacher, got 2",
        ),
        (taught("unlabelled: nothing.txt"), CNN, "no file nothing.txt"),
    ],
)
def test_teachers_that_do_not_fit_are_refused(place, objective, model, text):
    with pytest.raises(InputError, match=text):
        train(config_of(place, "refused", objective, model))


def test_a_teacher_of_other_labels_is_refused(place):
    prepared = prepare(config_of(place, "stranger", taught(), CNN))
    prepared.task.labels.append("ship")
    with pytest.raises(InputError, match="does not know the label 'ship'"):
        teachers.answers(prepared, ["saved_models/teacher"], ["a"])


def test_an_empty_file_of_texts_is_refused(place):
    (place / "empty.txt").write_text("\n \n")
    with pytest.raises(InputError, match="empty.txt: the file is empty"):
        train(config_of(place, "no_text", "name: vat, unlabelled: empty.txt"))


def test_vat_learns_from_texts_without_labels(place):
    rest = (CNN, "", "train.epochs=1")
    lines = (place / "train.tsv").read_text(encoding="utf-8").splitlines()[1:]
    same_words = "\n".join(line.split("\t")[0] for line in lines)  # and as often as one another
    (place / "twice.txt").write_text(same_words, encoding="utf-8")
    bundle = train(config_of(place, "virtual", "name: vat, unlabelled: twice.txt", *rest))
    plain = values(train(config_of(place, "labelled_alone", "name: vat", *rest)))
    assert any(np.abs(value - plain[path]).max() > 1e-5 for path, value in values(bundle).items())


# A shorter student of a preset


def test_blocks_are_taken_evenly():
    assert evenly(2, 6) == [2, 5]
    assert evenly(6, 6) == list(range(6))
    assert evenly(4, 6) == [0, 2, 3, 5]


def test_a_shorter_model_has_the_blocks_of_its_preset():
    arrays = {f"block_{i}_output/kernel": np.full(2, i) for i in range(12)} | {"embeddings/x": 7}
    shorter = shortened(arrays, 3)
    assert {path: np.max(value) for path, value in shorter.items()} == {
        "block_0_output/kernel": 3,
        "block_1_output/kernel": 7,
        "block_2_output/kernel": 11,
        "embeddings/x": 7,
    }


def test_a_shorter_student_starts_from_its_preset(place):
    model = "name: bert, preset: saved_models/teacher, layers: 1"
    start = weights.variables(_build(prepare(config_of(place, "short", model=model))))
    teacher = values(Bundle.open("saved_models/teacher"))
    paths = [path for path in start if path.startswith("block_")]
    assert paths
    for path in paths:
        assert path.startswith("block_0_")
        np.testing.assert_array_equal(start[path], teacher[path.replace("block_0", "block_1")])
    longer = config_of(place, "long", model="name: bert, preset: saved_models/teacher, layers: 3")
    with pytest.raises(InputError, match="model.layers: got 3, but preset .* has 2"):
        _build(prepare(longer))


# Augmentation


def test_copies_hide_words_as_often_as_they_should():
    text = " ".join(f"word{i}" for i in range(40))
    copies = masked_copies([text], 500, seed=1)
    full = [copy.split() for copy in copies if len(copy.split()) == 40]
    hidden = np.mean([word == MASK for words in full for word in words])
    assert hidden == pytest.approx(0.1, abs=0.01)
    cut = [copy for copy in copies if len(copy.split()) < 40]
    assert all(1 <= len(copy.split()) <= 5 for copy in cut)
    assert len(set(copies)) == len(copies)
    assert copies == masked_copies([text], 500, seed=1)


def test_an_empty_text_has_no_masked_copies():
    assert masked_copies([""], 3, seed=1) == []
