"""Figures in README, docs/ and configs/ are those of benchmarks/results/."""

import re

import pytest
import yaml
from running import ROOT

from benchmarks import runs as benchmark
from tools import blocks
from tools.tables import pages, picture, runs
from tools.tables.markdown import megabytes, read, table

CONFIGS = {path.stem: path.read_text("utf-8") for path in sorted((ROOT / "configs").glob("*.yaml"))}
METRICS = {
    "accuracy": "accuracy",
    "accuracy of intents": "accuracy",
    "F1": "f1",
    "F1 of slots": "f1",
    "both right in": "frame_accuracy",
    "micro-F1": "micro_f1",
    "perplexity": "perplexity",
    "BLEU": "bleu",
    "Pearson": "pearson",
    "RMSE": "rmse",
}
CLAIM = re.compile(rf"\b({'|'.join(sorted(METRICS, key=len, reverse=True))}) (\d+(?:\.\d+)?)")
OF_FILE = re.compile(r"\b(litert_\w+) (\d+\.\d+)")
# Whose figures are the mean of several seeds.
MEANS = {
    "sentiment_bertmini_sst2": "sst2_mini",
    "sentiment_bertmini_sst2_pretrained": "sst2_mini_enwiki",
}
# A number that somebody measured: an accuracy, a size, a time, a share.
FIGURE = re.compile(r"\d\.\d{2,}|\d ?(?:MB|ms|%)(?!\w)")


def agrees(text, figure):
    """Whether a figure is written to as many digits as the text has."""
    digits = len(text.partition(".")[2])
    return abs(float(text) - figure) <= 0.5 * 10**-digits + 1e-9


def expected(head):
    """What the comment of a config expects on dev and on test, without notes behind a semicolon."""
    text = " ".join(line.removeprefix("#").strip() for line in head.splitlines() if line[:1] == "#")
    _, found, text = text.partition("Expected on ")
    dev, _, test = text.partition(" on test")
    return (dev, test) if found else None


def claims(text, metric):
    """Pairs of an artefact and a metric, with the number that is claimed of it."""
    own = re.match(r"\w+, for (litert_\w+):", text)
    first = own[1] if own else "keras"
    test = re.match(r"(?:_\w+)? (\d+\.\d+)", text)
    if test:
        yield first, metric, test[1]
    for name, number in CLAIM.findall(re.sub(r";.*?(?=\)|$)", "", text)):
        yield first, METRICS[name], number
    for artifact, number in OF_FILE.findall(text):
        yield artifact, metric, number


def results(name):
    """The artefacts of a run on dev, and on test."""
    if name in MEANS:
        return {"keras": {"accuracy": read("variants")[MEANS[name]]["accuracy"]}}, {}
    run = read("configs")[name]
    test = run.get("test", {}).get("artifacts", {})
    if name in read("translations"):  # greedy files have no beam
        both = (read("translations")[name][beam]["artifacts"] for beam in ("beam_1", "beam_5"))
        test = {artifact: scores for part in both for artifact, scores in part.items()}
    return run["artifacts"], test


def test_the_tables_are_those_of_the_results():
    made = list(blocks.pages(pages.TOOL, pages.block))
    assert len(made) > 8
    for path, actual, wanted in made:
        assert actual == wanted, f"{path.name}: run `python -m tools.tables`"


def test_every_table_is_on_a_page():
    names = {f"{n}.{table}" for n, part in pages.SUBJECTS.items() for table in part.TABLES}
    assert set(blocks.names(pages.TOOL)) == names


def test_the_picture_is_that_of_the_results():
    assert picture.current(), "run `python -m tools.tables`"
    assert picture.PATH.stat().st_size < 150_000
    assert picture.PATH.name in (ROOT / "README.md").read_text("utf-8")


def figures(text):
    """The rows of tables outside blocks that hold a measured figure; settings in code are none."""
    rows = re.findall(r"^\|.*$", blocks.BLOCK.sub("", text), re.MULTILINE)
    return [row for row in rows if FIGURE.search(re.sub(r"`[^`]*`", "", row))]


def test_no_table_of_figures_is_typed_by_hand():
    for path, text in blocks.texts().items():
        assert figures(text) == [], f"{path.name}: move it to benchmarks/results/"


@pytest.mark.parametrize(
    ("row", "measured"),
    [
        ("| `bert` | 0.928 |", True),
        ("| `bert` | 23 MB |", True),
        ("| `bert` | 4 ms |", True),
        ("| `train.dropout: 0.25` | of 2 layers |", False),
        ("<!-- python -m tools.tables: a.b -->\n| a | 0.928 |\n<!-- end -->\n", False),
    ],
)
def test_a_figure_in_a_table_is_found(row, measured):
    assert bool(figures(row + "\n")) is measured


def test_every_config_that_was_measured_says_what_to_expect():
    measured = {name for name in CONFIGS if expected(CONFIGS[name])}
    assert measured == {*read("configs"), *MEANS}


@pytest.mark.parametrize("name", [*read("configs"), *MEANS])
def test_what_a_config_expects_was_measured(name):
    metric = "accuracy" if name in MEANS else read("configs")[name]["metric"]
    for text, artifacts in zip(expected(CONFIGS[name]), results(name), strict=True):
        found = list(claims(text, metric))
        assert bool(found) == bool(text)
        for artifact, key, number in found:
            assert agrees(number, artifacts[artifact][key]), f"{artifact} {key} {number}"


@pytest.mark.parametrize(
    ("text", "figure", "same"),
    [
        ("0.92", 0.9249, True),
        ("0.920", 0.9249, False),
        ("0.833", 0.8325, True),
        ("82", 82.6, False),
    ],
)
def test_a_figure_agrees_to_its_last_digit(text, figure, same):
    assert agrees(text, figure) is same


@pytest.mark.parametrize("name", list(read("configs")))
def test_a_result_names_its_rows(name):
    data = yaml.safe_load(CONFIGS[name])["data"]
    assert read("configs")[name]["split"] == benchmark.rows_of(data, "dev")


def test_figures_that_are_in_two_files_agree():
    final = {
        "enwiki_by_step": "pretrain_bert_mini_enwiki",
        "zhwiki_by_step": "pretrain_bert_mini_zhwiki",
    }
    for variant, name in final.items():
        last = read("variants")[variant]["curve"][-1]
        assert read("configs")[name]["artifacts"]["keras"].items() <= last.items()


def phrases():
    """Pages of docs/, each with a phrase that repeats figures."""
    attacked = read("variants")["sst2_plain_attacked"]["accuracy"]
    at = {name: f"{value:.3f}" for name, value in attacked.items()}
    files = {name: run["artifacts"] for name, run in read("configs").items()}
    bilstm = files["sentiment_bilstm_sst2_distilled"]["litert_dynamic"]
    layers = files["intents_bert2_banking77_distilled"]["litert_dynamic"]
    teacher = megabytes(files["sentiment_bert_sst2"]["litert_dynamic"])
    msra = {name: figures["f1"] for name, figures in files["ner_bilstmcrf_msra"].items()}
    novels = files["adapt_minilm_novels"]["keras"]
    kills = read("kills")
    return [
        (
            "explanation/learning.md",
            f"an accuracy of {at['0']} on 200 texts of its dev set, {at['0.01']} at their "
            f"worst neighbours within 0.01, {at['0.03']} within 0.03 and {at['0.1']} within 0.1",
        ),
        (
            "explanation/learning.md",
            f"has {bilstm['accuracy']:.3f} on dev in {megabytes(bilstm)} MB, while its teacher's "
            f"is {teacher:.1f} MB; that of the 2-layer student has {layers['accuracy']:.3f} in "
            f"{megabytes(layers)} MB",
        ),
        (
            "how_to/tagging.md",
            f"F1 of {msra['keras']} on `msra_ner`'s `dev.conll` (`litert_float32` "
            f"{msra['litert_float32']}, `litert_dynamic` {msra['litert_dynamic']})",
        ),
        (
            "how_to/pretraining.md",
            f"accuracy {novels['accuracy']} and perplexity {novels['perplexity']} on other novels",
        ),
        ("explanation/reliability.md", f"--kills {kills['kills']} "),
    ]


@pytest.mark.parametrize(("page", "phrase"), phrases())
def test_sentences_repeat_the_results(page, phrase):
    assert phrase in (ROOT / "docs" / page).read_text("utf-8")


def test_a_table_refuses_a_row_of_another_length():
    assert table(("a", "b:"), [("c", "1")]) == "| a | b |\n| --- | ---: |\n| c | 1 |\n"
    with pytest.raises(ValueError, match="a row has 1 cells, the table 2 columns"):
        table(("a", "b:"), [("c",)])


def test_a_compressed_run_has_the_base_that_it_was_trained_as():
    assert runs.base("intents_bert_banking77_qat8") == "intents_bert_banking77"
    assert runs.base("intents_bert_banking77") == "intents_bert_banking77"
    assert runs.base("intents_bert_banking77_lora") == "intents_bert_banking77_lora"


def test_the_front_holds_the_files_that_no_other_beats():
    points = [
        picture.Point(name, "int8", size, accuracy)
        for name, size, accuracy in [
            ("small", 1.0, 0.8),
            ("worse", 1.0, 0.7),
            ("same", 2.0, 0.8),
            ("large", 3.0, 0.9),
        ]
    ]
    assert [point.run for point in picture.front(points)] == ["small", "large"]


def test_the_interval_is_that_of_wilson():  # figures of Newcombe (1998), 81 of 263
    assert picture.interval(81 / 263, 263) == pytest.approx((0.2553, 0.3662), abs=1e-4)


@pytest.mark.slow
def test_the_picture_is_drawn(tmp_path, monkeypatch):
    monkeypatch.setattr(picture, "PATH", tmp_path / "pictures" / "drawn.svg")
    assert not picture.current()
    picture.write()
    assert picture.current()
