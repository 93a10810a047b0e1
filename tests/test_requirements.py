"""`verify:` of a config: what files must keep to, and what a run says of them."""

import json

import plugins
import pytest
from running import copied, tfapps

from tfapps import registry
from tfapps.bundle.bundle import Bundle
from tfapps.config import load as configs
from tfapps.runs import card, gate, requirements
from tfapps.stages import members

RAW = {
    "task": {"name": "classification"},
    "data": {"source": "tsv", "train": "a.tsv"},
    "model": {"name": "bilstm"},
    "export": ["litert_float32", "litert_int8"],
}


def judged(verify, **sections):
    """A config with these requirements, and the figures of two files."""
    config = configs.from_dict({**RAW, "verify": verify, **sections}, "run")
    accuracy = {"keras": 0.9, "litert_float32": 0.9, "litert_int8": 0.895}
    metrics = {"headline": "accuracy", "dev_rows": 200}
    metrics["dev"] = {name: {"accuracy": value} for name, value in accuracy.items()}
    proof = {
        "keras": {"bytes": 9_000_000},
        "litert_float32": {"bytes": 8_000_000, "agreement": 1.0, "p50_ms": 4.0},
        "litert_int8": {"bytes": 2_000_000, "agreement": 0.97, "p50_ms": 3.0},
    }
    return config, metrics, proof


def lines(verify, **sections):
    """What a run with these requirements says that it misses."""
    config, metrics, proof = judged(verify, **sections)
    missed = requirements.missed(config, requirements.judged(config, metrics, proof))
    return [line for part in missed.values() for line in part]


@pytest.mark.parametrize(
    "verify",
    [
        None,
        {},
        {"max_loss": 0.005, "min_agreement": 0.97, "max_mb": 8, "max_ms": 4},
        {"max_loss": {"litert_int8": 0.005, "litert_float32": 0.0}, "max_mb": {"litert_int8": 2}},
    ],
)
def test_a_file_at_its_limit_meets_it(verify):
    assert lines(verify) == []


def test_each_missed_limit_is_a_line_with_file_figure_limit_and_remedy():
    assert lines({"max_loss": {"litert_int8": 0.003}, "min_agreement": 0.99}) == [
        "litert_int8 has a loss of 0.005, but verify.max_loss.litert_int8 is 0.003; change "
        "`train:` or `compress:`, or raise verify.max_loss.litert_int8",
        "litert_int8 has an agreement of 0.97, but verify.min_agreement is 0.99; change `train:` "
        "or `compress:`, or lower verify.min_agreement",
    ]
    assert lines({"max_mb": 5, "max_ms": 3.5}) == [
        "litert_float32 has 8 MB, but verify.max_mb is 5; take a smaller artefact or model, or "
        "`compress:`, or raise verify.max_mb",
        "litert_float32 has 4 ms, but verify.max_ms is 3.5; take a smaller artefact or model, or "
        "a lower `model.max_length`, or raise verify.max_ms",
    ]


def test_what_was_not_measured_or_is_no_number_is_missed():
    config, metrics, proof = judged({"max_ms": {"litert_int8": 5}, "max_loss": 0.5})
    proof["litert_int8"]["p50_ms"] = None
    metrics["dev"]["litert_float32"]["accuracy"] = float("nan")
    missed = requirements.missed(config, requirements.judged(config, metrics, proof))
    assert (
        "litert_int8 has no figure, but verify.max_ms.litert_int8 is 5" in missed["litert_int8"][0]
    )
    assert "litert_float32 has a loss of nan" in missed["litert_float32"][0]


def test_a_loss_of_bleu_is_a_share_of_100_points():
    data = {"source": "parallel", "languages": ["de", "en"], "train": "a.tsv"}
    config = configs.from_dict(
        {
            "task": {"name": "translation"},
            "data": data,
            "model": {"name": "seq2seq_lstm"},
            "export": ["litert_dynamic"],
            "verify": {"max_loss": 0.01},
        },
        "run",
    )
    for bleu, met in ((29.0, True), (28.9, False)):
        metrics = {"headline": "bleu", "dev": {"keras": {"bleu": 30.0}}}
        metrics["dev"]["litert_dynamic"] = {"bleu": bleu}
        proof = requirements.judged(config, metrics, {"keras": {}, "litert_dynamic": {"bytes": 1}})
        assert proof["litert_dynamic"]["requirements"]["max_loss"]["met"] is met


def test_a_file_that_misses_a_limit_is_never_recommended():
    assert gate.choose(*judged(None)).recommended == "litert_int8"
    assert gate.choose(*judged({"min_agreement": 0.98})).recommended == "litert_float32"
    assert gate.choose(*judged({"max_mb": 1})) == gate.Choice()


def test_card_and_table_have_limits_figures_and_results():
    config, metrics, proof = judged({"max_loss": {"litert_int8": 0.003}, "max_mb": 8})
    text = card.card(config, metrics, requirements.judged(config, metrics, proof))
    rows = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| ")]
    assert [(row[0], row[-1]) for row in rows[:1] + rows[2:]] == [
        ("artefact", "verify"),
        ("keras", "-"),
        ("litert_float32", "met"),
        ("litert_int8", "missed: max_loss"),
    ]
    assert (
        "verify, litert_int8: max_loss 0.003: measured 0.005, MISSED; max_mb 8: measured 2, met."
    ) in text
    assert "| verify |" not in card.card(*judged(None))


# The config


def test_all_problems_of_the_section_are_named_at_once():
    verify = {
        "max_loss": {"litert_in8": 0.1, "litert_int8": 2, "litert_float32": "x"},
        "min_agreement": -1,
        "max_mb": 0,
        "max_ms": {},
        "min_agreemnt": 1,
    }
    assert plugins.problems({**RAW, "verify": verify}) == [
        "verify.max_loss: litert_int8: got 2 (int), expected a number from 0 to 1; "
        "litert_float32: got 'x' (str), expected a number from 0 to 1",
        "verify.min_agreement: got -1 (int), expected a number from 0 to 1",
        "verify.max_mb: got 0 (int), expected a number above 0",
        "verify.max_ms: got {}, expected a number above 0, or such numbers by the name of an "
        "artefact",
        "verify.min_agreemnt: unknown key; did you mean 'min_agreement'?; known: max_loss, "
        "min_agreement, max_mb, max_ms",
        "verify.max_loss.litert_in8: export: does not name this artefact, only litert_float32, "
        "litert_int8; did you mean 'litert_int8'?; correct the name, add it to export:, or take "
        "the limit out",
    ]


@pytest.mark.parametrize(
    ("sections", "problem"),
    [
        ({"verify": 3}, "verify: got 3 (int), expected a mapping"),
        (
            {"verify": {"max_mb": True}},
            "verify.max_mb: got True (bool), expected float or mapping or null",
        ),
        (
            {"verify": {"max_mb": 3}, "export": []},
            "verify.max_mb: got 3, but export: names no file to hold to it",
        ),
        (
            {"verify": {"max_ms": 3}, "ensemble": {"name": "voting", "members": 2}},
            "verify.max_ms: the latency of an ensemble is not measured; leave it out",
        ),
    ],
)
def test_a_limit_that_nothing_can_be_held_to_is_refused(sections, problem):
    assert plugins.problems({**RAW, **sections}) == [problem]


def test_an_exponent_is_a_number_and_the_section_is_dumped(tmp_path):
    config = configs.from_dict({**RAW, "verify": {"max_loss": {"litert_int8": "1e-3"}}}, "run")
    assert config.verify.max_loss == {"litert_int8": 0.001}
    path = plugins.written(tmp_path, configs.dump(config))
    assert configs.load(path) == config
    assert "verify" not in configs.dump(configs.from_dict(RAW, "run"))


def test_limits_of_an_ensemble_are_not_those_of_its_members():
    sections = {"verify": {"max_loss": 0.1}, "ensemble": {"name": "voting", "members": 2}}
    config = configs.from_dict({**RAW, **sections}, "run")
    kind = registry.plugin("ensemble", "voting")
    assert members.member(config, kind, 0).verify is None


# The run


def test_a_run_that_misses_a_limit_exits_with_1_and_is_kept(workplace):
    copied(workplace, "strict")
    run = ("run", "tiny.yaml", "name=strict")
    written = workplace / "saved_models/strict"
    done = tfapps(*run, "verify.max_mb={litert_int8: 0.001, litert_float32: 9}", cwd=workplace)
    assert done.returncode == 1
    assert "already exported and verified" in done.stdout
    (line,) = done.stderr.splitlines()
    assert line.startswith("failed: litert_int8 has 0.")
    assert " MB, but verify.max_mb.litert_int8 is 0.001; take a smaller artefact" in line
    assert "| missed: max_mb |" in done.stdout
    proof = json.loads((written / "verify.json").read_text())
    assert proof["litert_int8"]["requirements"]["max_mb"]["met"] is False
    assert proof["litert_float32"]["requirements"]["max_mb"]["met"] is True
    assert "MISSED" in (written / "README.md").read_text()
    assert Bundle.open(written).metrics["recommended"] != "litert_int8"
    assert tfapps(*run, "verify.max_mb=9", cwd=workplace).returncode == 0
    assert "MISSED" not in (written / "README.md").read_text()
    assert tfapps(*run, cwd=workplace).returncode == 0
    assert "requirements" not in (written / "verify.json").read_text()
    assert Bundle.open(written).metrics["recommended"] is not None


def test_verify_alone_fails_as_well(workplace):
    copied(workplace, "strict_alone")
    command = ("name=strict_alone", "export=[litert_float32]", "verify.max_mb=0.001")
    done = tfapps("verify", "tiny.yaml", *command, cwd=workplace)
    assert done.returncode == 1
    assert "litert_float32 has 0." in done.stderr
    bundle = Bundle.open(workplace / "saved_models/strict_alone")
    assert bundle.proof["litert_float32"]["requirements"]["max_mb"]["limit"] == 0.001
    assert configs.load(bundle.config_path).verify.max_mb == 0.001
