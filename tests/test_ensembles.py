"""Several runs that answer as one."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
import yaml
from running import BERT, CNN, TINY, at, tfapps
from sklearn.metrics import log_loss

from tfapps import registry
from tfapps.bundle.bundle import Bundle
from tfapps.config import load as configs
from tfapps.config import sections
from tfapps.data import draws, splits
from tfapps.ensembles import bagging, boosting, soup, stacking, voting
from tfapps.errors import ConfigError, Failure, InputError
from tfapps.runs.fingerprints import fingerprint
from tfapps.runs.lessons import lessons
from tfapps.runs.prepared import prepare
from tfapps.serve.predictor import Predictor
from tfapps.stages import ensemble as stage
from tfapps.stages.ensemble import DROP, ensemble
from tfapps.stages.members import member
from tfapps.stages.run import run
from tfapps.train.answers import TEACHER_LOGITS
from tfapps.verify import parity

BASE = TINY.split("export:")[0].replace("epochs: 2", "epochs: 1").replace(BERT, CNN)
TEXTS = ["I want the apple", "the hammer", "a plum and a saw"]


def softmax(logits):
    e = np.exp(logits - logits.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def random_logits(*seeds, rows=6, classes=3):
    return [np.random.default_rng(seed).normal(size=(rows, classes)) * 2 for seed in seeds]


# How answers are put together


@pytest.mark.parametrize("module", [voting, bagging])
def test_voting_averages_probabilities(module):
    members = random_logits(1, 2, 3)
    together = module.Ensemble.combine(module.Config(), members, {}, "softmax")
    np.testing.assert_allclose(
        softmax(together), np.mean([softmax(x) for x in members], 0), atol=1e-6
    )
    many = module.Ensemble.combine(module.Config(), members, {}, "sigmoid")
    expected = np.mean([1 / (1 + np.exp(-x)) for x in members], axis=0)
    np.testing.assert_allclose(1 / (1 + np.exp(-many)), expected, atol=1e-6)


def test_boosting_is_samme():
    truth = np.array([0, 1, 2, 0, 1, 2])
    first = np.eye(3)[[0, 1, 2, 1, 1, 0]] * 5  # two errors
    second = np.eye(3)[[0, 2, 2, 0, 1, 2]] * 5  # one
    settings = boosting.Config(rate=1.0)
    weights = np.full(6, 1 / 6)
    votes = []
    for logits in (first, second):
        wrong = logits.argmax(1) != truth
        error = weights[wrong].sum()
        votes.append(np.log((1 - error) / error) + np.log(2))
        weights = weights * np.exp(votes[-1] * wrong)
        weights /= weights.sum()
    learned = boosting.learn(settings, [first, second], truth)
    np.testing.assert_allclose(learned["votes"], votes)
    shares = sum(v * np.eye(3)[x.argmax(1)] for v, x in zip(votes, (first, second), strict=True))
    together = boosting.combine(settings, [first, second], learned, "softmax")
    np.testing.assert_allclose(softmax(together), shares / sum(votes), atol=1e-6)


def test_boosting_draws_the_rows_that_were_wrong():
    truth = np.arange(300) % 3
    logits = np.eye(3)[np.where(np.arange(300) < 60, (truth + 1) % 3, truth)] * 5
    drawn = boosting.rows(boosting.Config(rate=1.0), [logits], truth, seed=1)
    assert len(drawn) == 300
    # After SAMME with rate 1 the errors have (k - 1) / k of the weight.
    assert np.mean(np.array(drawn) < 60) == pytest.approx(2 / 3, abs=0.08)
    assert boosting.rows(boosting.Config(), [], truth, seed=1) is None


def misled(classes):
    """Logits, and classes of which every fourth is the next one: a constant shift would help."""
    (logits,) = random_logits(1, rows=90, classes=classes)
    return logits, (logits.argmax(1) + (np.arange(90) % 4 == 0)) % classes


@pytest.mark.parametrize("classes", [2, 3])
def test_stacking_finds_the_least_penalised_loss(classes):
    logits, truth = misled(classes)
    settings = stacking.Config(strength=0.5)
    learned = stacking.learn(settings, [logits], truth)
    actual = np.concatenate([np.array(learned["kernel"]) - np.eye(classes), [learned["bias"]]])

    def loss(both):
        moved = {"kernel": np.eye(classes) + both[:-1], "bias": both[-1]}
        answer = softmax(stacking.combine(settings, [logits], moved, "softmax"))
        fit = log_loss(truth, answer, labels=range(classes), normalize=False)
        return fit + np.sum(both**2) / (2 * 0.5)

    assert loss(actual) < loss(np.zeros_like(actual)) - 1
    for place in np.ndindex(actual.shape):
        step = np.zeros_like(actual)
        step[place] = 1e-3
        assert abs(loss(actual + step) - loss(actual - step)) / 2e-3 < 1e-2


def test_stacking_of_no_strength_is_the_mean():
    logits, truth = misled(3)
    for strength, same in ((1e-9, True), (1.0, False)):
        settings = stacking.Config(strength=strength)
        learned = stacking.learn(settings, [logits], truth)
        together = softmax(stacking.combine(settings, [logits], learned, "softmax"))
        assert np.allclose(together, softmax(logits), atol=1e-5) == same


def weights(value):
    return {"a": np.full(2, value, "float32"), "n": np.array([int(value)])}


def test_a_uniform_soup_is_the_mean():
    actual = [weights(1), weights(2), weights(6)]
    kept, chosen = soup.cook(soup.Config(), actual, [0.1, 0.2, 0.3], None)
    assert chosen == [0, 1, 2]
    np.testing.assert_array_equal(kept["a"], [3, 3])
    np.testing.assert_array_equal(kept["n"], [1])


def test_a_greedy_soup_takes_what_does_not_hurt():
    actual = [weights(1), weights(2), weights(6)]
    kept, chosen = soup.cook(
        soup.Config(recipe="greedy"), actual, [0.5, 0.9, 0.7], lambda w: 2.0 - abs(w["a"][0] - 1.4)
    )
    # From 2 on: with 6 it is 4 and worse than 0.9, with 1 it is 1.5 and better.
    assert chosen == [0, 1]
    np.testing.assert_array_equal(kept["a"], [1.5, 1.5])


# Draws

ROWS = [{"text": f"{i}", "label": "rare" if i == 7 else f"{i % 3}"} for i in range(60)]


def test_a_bootstrap_is_as_large_and_loses_no_label():
    for number in range(8):
        draw = sections.DrawConfig(bootstrap=number)
        rows = draws.drawn(draw, ROWS)
        assert rows == draws.drawn(draw, ROWS)
        assert {row["label"] for row in rows} == {"0", "1", "2", "rare"}
        assert 60 <= len(rows) <= 61
        assert 0.5 < len({row["text"] for row in rows}) / 60 < 0.8
    other = draws.drawn(sections.DrawConfig(bootstrap=9), ROWS)
    assert other != rows


def test_folds_leave_every_row_out_once():
    parts = [draws.numbers_of(sections.DrawConfig(leave=i, of=4), ROWS) for i in range(4)]
    left = [set(range(60)) - set(part.tolist()) for part in parts]
    assert sum(map(len, left)) == 59
    assert set().union(*left) == set(range(60)) - {7}  # the only row of its label
    for rows in left:
        labels = [ROWS[row]["label"] for row in rows]
        assert all(4 <= labels.count(label) <= 6 for label in "012")


@pytest.mark.parametrize("labels", [list("aabbbc"), [["a"], ["a", "c"], ["a"], ["b"], ["b"]]])
def test_no_draw_loses_a_label(labels):
    rows = [{"text": f"{i}", "label": label} for i, label in enumerate(labels)]
    every = {label for row in labels for label in row}
    drawing = [sections.DrawConfig(leave=i, of=3) for i in range(3)]
    drawing += [sections.DrawConfig(bootstrap=i) for i in range(6)]
    for draw in drawing:
        assert {label for row in draws.drawn(draw, rows) for label in row["label"]} == every
    assert draws.with_every_label(np.array([0, 0]), rows)[:2].tolist() == [0, 0]


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({}, "got nothing, expected one of bootstrap, leave and file"),
        ({"bootstrap": 1, "file": "x"}, "got bootstrap and file, expected one"),
        ({"leave": 3, "of": 3}, "leave: got 3 of 3"),
        ({"leave": 0}, "leave: got 0 of None"),
    ],
)
def test_an_invalid_draw_is_refused(fields, text):
    with pytest.raises(ValueError, match=text):
        sections.DrawConfig(**fields)


@pytest.mark.parametrize(
    ("content", "text"),
    [("[1, 99]", "rows beyond 0 to 59"), ('["a"]', "no list of whole"), ("[", "not valid JSON")],
)
def test_a_bad_file_of_rows_is_refused(tmp_path, content, text):
    (tmp_path / "rows.json").write_text(content)
    with pytest.raises(InputError, match=text):
        draws.drawn(sections.DrawConfig(file=str(tmp_path / "rows.json")), ROWS)


# Whole ensembles


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ensembles")
    with at(folder, 64):
        yield folder


def config_of(folder, kind, more="members: 2", export="[]", rest=""):
    path = folder / f"{kind}.yaml"
    path.write_text(f"{BASE}ensemble: {{name: {kind}, {more}}}\nexport: {export}\n{rest}")
    return configs.load(path)


def test_an_ensemble_answers_evaluates_and_exports(place):
    settings = config_of(place, "voting", export="[litert_float32]")
    bundle = ensemble(settings)
    assert bundle.artifacts() == ["keras", "litert_float32"]
    member_logits = [Predictor.open(path, "keras").logits(TEXTS) for path in bundle.members]
    assert not np.allclose(*member_logits)
    together = Predictor.open(bundle.path, "keras").logits(TEXTS)
    np.testing.assert_allclose(
        softmax(together), np.mean(softmax(np.array(member_logits)), 0), atol=1e-6
    )
    edge = Predictor.open(bundle.path).logits(TEXTS)
    np.testing.assert_allclose(edge, together, atol=1e-3)
    answer = Predictor.open(bundle.path)(TEXTS)[0]
    assert answer["label"] in ("fruit", "tool")
    done = tfapps("evaluate", "voting", "--data", "dev.tsv", "--json", cwd=place)
    figures = json.loads(done.stdout.splitlines()[-1])
    assert figures["rows"] == 24
    expected = bundle.metrics["dev"]["keras"]["accuracy"]
    assert figures["metrics"]["accuracy"] == pytest.approx(expected)
    # It stands alone: its members' own runs may go.
    (place / "saved_models/voting_0").rename(place / "elsewhere")
    np.testing.assert_array_equal(Predictor.open(bundle.path, "keras").logits(TEXTS), together)
    (place / "elsewhere").rename(place / "saved_models/voting_0")


ALIKE = {"agreement": 1.0, "max_logit_difference": 1e-6, "metric": 0.5, "metric_drop": 0.0}


@pytest.mark.parametrize(
    ("name", "member", "drop", "agreement"),
    [
        ("litert_float32", {}, 0.0, 1.0),
        ("saved_model", {}, 0.0, 1.0),
        ("litert_sparse", {}, 0.0, 1.0),
        ("litert_float32", {"max_logit_difference": 0.1}, DROP, None),  # rounds its activations
        ("litert_float16", {"max_logit_difference": 1e-3}, 0.005, None),
        ("litert_int8", {"agreement": 0.9, "metric_drop": 0.05}, DROP, None),
    ],
)
def test_files_of_an_ensemble_lose_no_more_than_those_of_its_members(name, member, drop, agreement):
    proofs = [{name: ALIKE}, {name: ALIKE | member}]
    members = [SimpleNamespace(proof=proof) for proof in proofs]
    assert stage._limit(name, members) == parity.Limit(None, agreement, drop)


def test_an_exact_ensemble_may_lose_nothing(place, monkeypatch):
    settings = config_of(place, "voting", export="[litert_float32]")
    ensemble(settings)
    asked = stage._logits

    def last_row_differs(bundle, rows, artifact="keras"):
        logits = asked(bundle, rows, artifact).copy()
        if artifact == "litert_float32":
            logits[-1] = -logits[-1]
        return logits

    monkeypatch.setattr(stage, "_logits", last_row_differs)
    with pytest.raises(
        Failure, match="litert_float32 does not match the trained model: agreement 95.83%"
    ):
        ensemble(settings)


def test_trained_members_are_not_trained_again(place, capsys):
    assert member(config_of(place, "bagging"), bagging, 1).draw.bootstrap == 1
    boosted = ensemble(config_of(place, "boosting"))
    first = {p: p.stat().st_mtime_ns for p in place.glob("saved_models/boosting_*/weights*")}
    assert len(first) == 2
    ensemble(config_of(place, "boosting"))
    assert {p: p.stat().st_mtime_ns for p in first} == first
    assert "boosting_1: already trained" in capsys.readouterr().out
    learned = json.loads((boosted.path / "ensemble.json").read_text())["learned"]
    assert len(learned["votes"]) == 2
    drawn = json.loads((place / "saved_models/boosting_draws/1.json").read_text())
    assert len(drawn) == 64
    assert np.isfinite(Predictor.open(boosted.path, "keras").logits(TEXTS)).all()


@pytest.mark.slow
def test_members_of_bagging_draw_their_rows(place):
    ensemble(config_of(place, "bagging"))
    for number in range(2):
        draw = configs.load(place / f"saved_models/bagging_{number}/config.yaml").draw
        assert draw.bootstrap == number


def test_a_stack_learns_from_its_members(place):
    stacked = ensemble(config_of(place, "stacking"))
    learned = json.loads((stacked.path / "ensemble.json").read_text())["learned"]
    assert np.shape(learned["kernel"]) == (2, 2)
    assert np.isfinite(Predictor.open(stacked.path, "keras").logits(TEXTS)).all()


@pytest.mark.parametrize("kind", ["boosting", "stacking", "bagging"])
def test_every_member_learns_the_only_row_of_a_label(place, kind, monkeypatch):
    text = (place / "train.tsv").read_text()
    (place / "rare.tsv").write_text(text + "the moon\tother\n")
    config_of(place, kind, "members: 4")
    # A run that only reads its data; its answers are random.
    learned = []

    def read(settings, overwrite, owner):
        prepared = prepare(settings)
        learned.append(prepared.task.labels)
        bundle = SimpleNamespace(config_path=place / f"{settings.name}.yaml")
        bundle.config_path.write_text(configs.dump(settings))
        return bundle

    monkeypatch.setattr(stage, "run", read)
    monkeypatch.setattr(
        stage, "_logits", lambda bundle, rows, name="keras": random_logits(1, rows=len(rows))[0]
    )
    settings = configs.load(place / f"{kind}.yaml", [f"name=rare_{kind}", "data.train=rare.tsv"])
    alone = settings.model_copy(update={"ensemble": None})
    work = stage._Work(settings, registry.plugin("ensemble", kind), prepare(alone))
    for number in range(4):
        work.train(number)
    assert learned == [["fruit", "other", "tool"]] * 4
    if kind == "stacking":
        assert work._left_out()[0].tolist() == list(range(64))
    for values in work._learned().values():
        assert np.isfinite(values).all()


def test_a_stack_of_single_rows_is_refused_before_training(place):
    rows = [f"word{i}\tlabel{i}" for i in range(4)]
    (place / "ones.tsv").write_text("\n".join(["text\tlabel", *rows]))
    config_of(place, "stacking", "members: 2")
    more = ["name=ones", "data.train=ones.tsv", "data.dev=ones.tsv"]
    with pytest.raises(InputError, match="needs labels with more than one row, but each of the 4"):
        ensemble(configs.load(place / "stacking.yaml", more))
    assert not (place / "saved_models/ones_0").exists()


def split_of(settings):
    loaded = splits.load(settings.data, settings.rows_seed)
    return {name: [row["text"] for row in rows] for name, rows in loaded.items()}


@pytest.mark.parametrize("kind", registry.names("ensemble"))
@pytest.mark.parametrize("rows", ["dev: 0.25", "dev: 0.25, limit: 40", "dev: 0.25, shots: 5"])
def test_members_have_the_rows_of_the_ensemble(place, kind, rows):
    config_of(place, kind, "members: 3, variants: [{}, {seed: 99}]")
    settings = configs.load(
        place / f"{kind}.yaml", [f"data={{source: tsv, train: train.tsv, {rows}}}"]
    )
    module = registry.plugin("ensemble", kind)
    members = [member(settings, module, number) for number in range(3)]
    assert members[1].seed == 99
    for each in members:
        assert split_of(each) == split_of(settings)
        assert configs.from_dict(yaml.safe_load(configs.dump(each)), "x") == each
    assert split_of(settings) != split_of(settings.model_copy(update={"split_seed": 5}))


@pytest.mark.parametrize(
    ("more", "text"),
    [
        ("variants: [{data.limit: 9}]", "ensemble.variants: got data.limit, but all members share"),
        ("variants: [{draw: {bootstrap: 1}}]", "ensemble.variants: got draw, but all members"),
    ],
)
def test_variants_do_not_change_the_rows(place, more, text):
    settings = config_of(place, "voting", f"members: 2, {more}")
    with pytest.raises(ConfigError, match=text):
        ensemble(settings)


@pytest.mark.parametrize("kind", ["bagging", "boosting", "stacking"])
def test_a_draw_beside_the_draws_of_the_ensemble_is_refused(place, kind):
    settings = config_of(place, kind, "members: 2", rest="draw: {bootstrap: 1}\n")
    with pytest.raises(ConfigError, match=f"draw: {kind} draws the rows itself; leave it out"):
        ensemble(settings)


def test_the_seed_of_the_splits_changes_no_fingerprint(place):
    settings = config_of(place, "voting")
    same = settings.model_copy(update={"split_seed": settings.seed + 1})
    assert fingerprint(same, {}) == fingerprint(settings, {})


@pytest.mark.slow
def test_a_stack_may_have_more_members_than_rows(place):
    config_of(place, "stacking", "members: 5")
    few = ["name=few", "data.limit=4", "train.batch_size=2"]
    bundle = ensemble(configs.load(place / "stacking.yaml", few))
    learned = json.loads((bundle.path / "ensemble.json").read_text())["learned"]
    assert np.shape(learned["kernel"]) == (2, 2)
    assert np.isfinite(Predictor.open(bundle.path, "keras").logits(TEXTS)).all()


def test_a_soup_is_one_run(place):
    bundle = ensemble(config_of(place, "soup", export="[litert_float32]"))
    assert not bundle.members
    members = [Bundle.open(f"saved_models/soup_{number}") for number in range(2)]
    from safetensors.numpy import load_file

    kept, *actual = (load_file(b.weights) for b in (bundle, *members))
    for path, value in kept.items():
        np.testing.assert_allclose(value, (actual[0][path] + actual[1][path]) / 2, atol=1e-6)
    assert any(np.abs(actual[0][path] - actual[1][path]).max() > 1e-4 for path in kept)
    assert json.loads((bundle.path / "verify.json").read_text())["litert_float32"]
    before = bundle.weights.stat().st_mtime_ns
    assert (
        ensemble(config_of(place, "soup", export="[litert_float32]")).weights.stat().st_mtime_ns
        == before
    )


@pytest.fixture
def pupil(place):
    """The config of a run whose teacher is an ensemble."""
    ensemble(config_of(place, "voting", export="[litert_float32]"))
    path = place / "pupil.yaml"
    path.write_text(BASE + "objective: {name: distill, teacher: saved_models/voting}\nexport: []\n")
    return path


def test_an_ensemble_can_teach(pupil):
    prepared = prepare(configs.load(pupil))
    teacher_logits = lessons(prepared).extra[TEACHER_LOGITS]
    texts = [row["text"] for row in prepared.rows["train"]]
    ensemble_logits = Predictor.open("saved_models/voting", "keras").logits(texts)
    np.testing.assert_allclose(softmax(teacher_logits), softmax(ensemble_logits), atol=1e-5)


@pytest.mark.slow
def test_a_student_of_an_ensemble_learns(pupil):
    history = run(configs.load(pupil, ["train.epochs=2"])).metrics["training"]
    losses = [record["loss"] for record in history]
    assert losses[-1] < losses[0]


def test_an_ensemble_is_known_by_the_weights_of_its_members(place):
    from tfapps.bundle import identity

    bundle = ensemble(config_of(place, "voting", export="[litert_float32]"))
    digests = [
        Bundle.open(path).manifest["files"]["weights.safetensors"] for path in bundle.members
    ]
    assert identity.of_weights(str(bundle.path)).split() == digests


def test_members_may_differ(place):
    settings = config_of(
        place, "voting", "members: 2, variants: [{}, {model.filters: 7, seed: 99}]"
    )
    members = [member(settings, voting, number) for number in range(2)]
    assert [m.model.filters for m in members] == [6, 7]
    assert [m.seed for m in members] == [13, 99]
    assert [m.name for m in members] == ["voting_0", "voting_1"]
    wrong = config_of(place, "voting", "members: 2, variants: [{model.filter: 7}]")
    with pytest.raises(ConfigError, match="model.filter: unknown key"):
        member(wrong, voting, 0)


@pytest.mark.parametrize(
    ("verb", "text"),
    [
        ("run", "has an ensemble section; use `tfapps ensemble`"),
        ("train", "has an ensemble section; use `tfapps ensemble`"),
    ],
)
def test_a_single_run_of_an_ensemble_is_refused(place, verb, text):
    config_of(place, "voting", export="[litert_float32]")
    done = tfapps(verb, "voting.yaml", cwd=place)
    assert done.returncode == 2
    assert text in done.stderr


def test_what_takes_a_single_run_refuses_an_ensemble(place):
    ensemble(config_of(place, "voting", export="[litert_float32]"))
    done = tfapps("benchmark", "voting", cwd=place)
    assert done.returncode == 2
    assert "is an ensemble, expected a single run; give one of its members" in done.stderr


def test_a_config_without_an_ensemble_is_refused(place):
    path = place / "single.yaml"
    path.write_text(TINY)
    with pytest.raises(InputError, match="no ensemble section; add"):
        ensemble(configs.load(path))
