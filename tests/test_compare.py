"""Comparing runs: from bundles made by hand, so every figure is known."""

import json
import subprocess
import sys
import warnings

import pytest
from matplotlib.colors import to_hex
from running import ROOT

from tfapps.bundle.bundle import write_json, writing
from tfapps.cli.main import main
from tfapps.errors import InputError
from tfapps.metrics import drawing, tradeoffs
from tfapps.stages.compare import compare, data_names, table

BIG = {"keras": (0.9, 8.0), "litert_float32": (0.9, 8.0), "litert_int8": (0.88, 2.0)}
SMALL = {"keras": (0.8, 4.0), "litert_int8": (0.8, 1.0)}


def make(
    folder,
    artifacts,
    *,
    headline="accuracy",
    verified=True,
    data="a.tsv",
    new=True,
    uncompressed=None,
    test=None,
):
    """A bundle with the given (metric, megabytes) of each artefact; `test` is the same for all."""
    keras = artifacts["keras"][0]
    proof = {}
    for name, (metric, megabytes) in artifacts.items():
        proof[name] = {"bytes": int(megabytes * 1e6)}
        if name != "keras":
            proof[name] |= {"metric_drop": keras - metric, "p50_ms": 1.5}
        if new:
            proof[name]["gzip_bytes"] = int(megabytes * 0.5e6)
        if new and name.startswith("litert_"):
            proof[name]["partitions"] = 3
    with writing(folder) as draft:
        (draft.path / "config.yaml").write_text(f"name: run\ndata: {{dev: {data}}}\n")
        dev = {name: {headline: metric, "other": 0.1} for name, (metric, _) in artifacts.items()}
        metrics = {"headline": headline, "dev": dev}
        metrics |= {"uncompressed": uncompressed} if uncompressed else {}
        if test:
            metrics["test"] = {name: {headline: test[0]} for name in artifacts}
            metrics["tested"] = {name: {"rows": test[1], "interval": test[2]} for name in artifacts}
        write_json(draft.path / "metrics.json", metrics)
        write_json(draft.path / "verify.json", proof)
        draft.stages |= {"train": "x", "export": "x"} | ({"verify": "x"} if verified else {})
    return folder


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    make(tmp_path / "saved_models" / "big", BIG)
    make(tmp_path / "saved_models" / "small", SMALL)
    return tmp_path


def refused(capsys, *arguments):
    """Run the verb, expect exit code 2 and nothing but errors; return them."""
    assert main(["compare", *map(str, arguments)]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert all(line.startswith("error: ") for line in captured.err.splitlines())
    return [line.removeprefix("error: ") for line in captured.err.splitlines()]


# The figures


def test_every_artefact_of_every_run_best_first_then_smallest(place):
    actual = compare([place / "saved_models" / "small", place / "saved_models" / "big"])
    assert actual["headline"] == "accuracy"
    assert [(row["run"], row["artifact"]) for row in actual["rows"]] == [
        ("big", "keras"),
        ("big", "litert_float32"),
        ("big", "litert_int8"),
        ("small", "litert_int8"),
        ("small", "keras"),
    ]
    assert actual["rows"][2] == {
        "run": "big",
        "data": "data",
        "artifact": "litert_int8",
        "recommended": False,
        "metric": 0.88,
        "test": None,
        "rows": None,
        "interval": None,
        "drop": pytest.approx(0.02),
        "agreement": None,
        "max_logit_difference": None,
        "bytes": 2_000_000,
        "gzip_bytes": 1_000_000,
        "partitions": 3,
        "p50_ms": 1.5,
        "pareto": True,
    }
    unmeasured = {key for key, value in actual["rows"][0].items() if value is None}
    assert unmeasured >= {"drop", "partitions", "p50_ms"}


def test_the_pareto_front_holds_what_nothing_beats(tmp_path):
    points = {
        "keras": (0.9, 9.0),
        "same_size_worse": (0.8, 9.0),
        "same_metric_bigger": (0.9, 10.0),
        "smaller_and_worse": (0.7, 2.0),
        "twin": (0.7, 2.0),
        "worse_and_bigger_than_the_twins": (0.6, 3.0),
        "smallest": (0.1, 1.0),
    }
    rows = compare([make(tmp_path / "run", points)])["rows"]
    front = {row["artifact"] for row in rows if row["pareto"]}
    assert front == {"keras", "smaller_and_worse", "twin", "smallest"}


def test_the_pareto_front_covers_all_runs(place):
    make(place / "better", {"keras": (0.91, 0.5)})
    rows = compare([place / "saved_models" / "big", place / "better"])["rows"]
    assert [row["run"] for row in rows if row["pareto"]] == ["better"]


def test_a_run_given_twice_counts_once(place, monkeypatch):
    path = place / "saved_models" / "small"
    (place / "link").symlink_to(path)
    actual = compare([path, path.relative_to(place), place / "link"])
    assert [row["artifact"] for row in actual["rows"]] == ["litert_int8", "keras"]
    monkeypatch.chdir(path)
    assert compare([path.relative_to(path)])["rows"][0]["run"] == "small"


def test_runs_of_one_name_are_shown_by_their_paths(place):
    here, elsewhere = place / "saved_models" / "small", make(place / "else" / "small", SMALL)
    actual = compare([here, elsewhere, place / "saved_models" / "big"])
    assert {row["run"] for row in actual["rows"]} == {str(here), str(elsewhere), "big"}


# The table


def test_the_table_stars_the_front_and_dashes_what_was_not_measured(place):
    make(place / "old", {"keras": (0.7, 3.0), "litert_int8": (0.6, 0.25)}, new=False)
    header, *lines = table(compare([place / "saved_models" / "big", place / "old"])).splitlines()
    assert "partitions" in header
    rows = [line.split() for line in lines[:5]]
    assert rows == [
        ["*", "big", "keras", "0.9000", "-", "-", "8.00", "4.00", "-", "-"],
        ["*", "big", "litert_float32", "0.9000", "-", "0.0000", "8.00", "4.00", "3", "1.50"],
        ["*", "big", "litert_int8", "0.8800", "-", "0.0200", "2.00", "1.00", "3", "1.50"],
        ["old", "keras", "0.7000", "-", "-", "3.00", "-", "-", "-"],
        ["*", "old", "litert_int8", "0.6000", "-", "0.1000", "0.25", "-", "-", "1.50"],
    ]
    assert len({len(line) for line in [header, *lines[:5]]}) == 1
    assert lines[5].startswith("accuracy on dev, which chose the epoch")
    assert lines[6].startswith("* on the Pareto front: ")
    assert len(lines) == 7


def test_the_model_before_compression_has_a_row_on_no_front_and_drops_are_against_it(tmp_path):
    before = {"dev": {"accuracy": 0.95}, "bytes": 20_000_000, "gzip_bytes": 18_000_000}
    made = make(tmp_path / "run", BIG, uncompressed=before, test=(0.87, 412, (0.834, 0.899)))
    rows = {row["artifact"]: row for row in compare([made])["rows"]}
    assert rows["uncompressed"]["metric"] == 0.95
    assert not rows["uncompressed"]["pareto"]
    assert rows["keras"]["pareto"]
    drops = {name: row["drop"] for name, row in rows.items()}
    assert drops == {
        "uncompressed": None,
        "keras": pytest.approx(0.05),
        "litert_float32": pytest.approx(0.05),
        "litert_int8": pytest.approx(0.07),
    }
    tested = {row["test"]: (row["rows"], row["interval"]) for row in rows.values()}
    assert tested == {None: (None, None), 0.87: (412, [0.834, 0.899])}
    lines = [line.split() for line in table(compare([made])).splitlines()]
    assert lines[1] == ["run", "uncompressed", "0.9500", *"--", "20.00", "18.00", *"--"]
    assert lines[2][:5] == ["*", "run", "keras", "0.9000", "0.8700"]


def test_runs_on_other_data_get_a_note(place):
    other = make(place / "other", SMALL, data="b.tsv")
    assert "note: " not in table(compare([place / "saved_models" / "big"]))
    last = table(compare([place / "saved_models" / "big", other])).splitlines()[-1]
    assert last.startswith("note: `data:` differs between these runs")


# The verb


def test_table_picture_and_one_last_line_of_json(place, capsys):
    assert main(["compare", "big", "small", "--json"]) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    *shown, last = captured.out.splitlines()
    expected = compare([place / "saved_models" / "big", place / "saved_models" / "small"])
    assert json.loads(last) == expected
    assert shown == [*table(expected).splitlines(), "picture: compare.png"]
    assert (place / "compare.png").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"


def test_all_bad_runs_are_reported_at_once(place, capsys):
    make(place / "saved_models" / "raw", BIG, verified=False)
    make(place / "saved_models" / "labels", BIG, headline="micro_f1")
    (place / "saved_models" / "small" / "verify.json").write_text("{}")
    lines = refused(capsys, "big", "bigg", "raw", "small", "labels", "bigg", "nowhere/x")
    assert lines == [
        "saved_models/bigg: no such run; did you mean saved_models/big?",
        "saved_models/raw: its files have not passed verify since the last export; "
        "run `tfapps verify saved_models/raw/config.yaml` first",
        next(line for line in lines if "verify.json: changed or truncated" in line),
        "nowhere/x: no such run",
        "runs judged by different metrics: saved_models/big by accuracy, saved_models/labels by "
        "micro_f1; compare runs that share one",
    ]
    assert not (place / "compare.png").exists()


@pytest.mark.parametrize(
    ("out", "expected"),
    [
        ("nowhere/x.png", "nowhere/x.png: the picture cannot be written: No such file"),
        ("folder.png", "folder.png: the picture cannot be written: Is a directory"),
        ("x.pdf", "x.pdf: expected the name of a picture that ends in .png"),
    ],
)
def test_a_picture_that_cannot_be_written(place, capsys, out, expected):
    (place / "folder.png").mkdir()
    lines = refused(capsys, "big", "--out", out)
    assert len(lines) == 1
    assert lines[0].startswith(expected)


@pytest.mark.parametrize("arguments", [["--help"], ["big", "small"]])
def test_neither_help_nor_the_verb_loads_tensorflow(place, arguments):
    heavy = {"tensorflow", "keras", "sklearn", "ai_edge_litert"}
    if arguments == ["--help"]:
        heavy |= {"matplotlib", "numpy"}
    code = (
        "import sys; from tfapps.cli.main import main\n"
        f"try: code = main({['compare', *arguments]})\n"
        "except SystemExit as done: code = done.code\n"
        f"sys.exit(code or str({heavy} & set(sys.modules)).replace('set()', '') or 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=place,
        env={"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "RUN" in done.stdout or "litert_int8" in done.stdout


# The picture


def drawn(monkeypatch, rows):
    """The matplotlib figure behind `tradeoffs_png`, drawn with every warning an error."""
    figures = []
    monkeypatch.setattr(drawing, "png", lambda figure: figures.append(figure) or b"")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        tradeoffs.tradeoffs_png(rows, "accuracy")
        figures[0].canvas.draw()
    return figures[0]


def row(
    run="a", artifact="keras", metric=0.9, megabytes=8.0, p50_ms=None, pareto=False, data="train"
):
    return {
        "run": run,
        "data": data,
        "artifact": artifact,
        "metric": metric,
        "bytes": megabytes * 1e6,
        "p50_ms": p50_ms,
        "pareto": pareto,
    }


def points(axes):
    """Colour and marker of each lone point, by its place."""
    lines = [line for line in axes.lines if len(line.get_xdata()) == 1]
    return {
        (round(line.get_xdata()[0], 6), line.get_ydata()[0]): (line.get_color(), line.get_marker())
        for line in lines
    }


def test_pictures_have_two_panels_with_a_colour_per_run_and_a_marker_per_artefact(monkeypatch):
    rows = [
        row(pareto=True),
        row(artifact="litert_int8", metric=0.8, megabytes=2.0, p50_ms=3.0, pareto=True),
        row("b", metric=0.7, megabytes=4.0),
        row("b", "litert_int8", 0.6, 3.0, 5.0),
    ]
    by_size, by_latency = drawn(monkeypatch, rows).axes
    assert (by_size.get_xscale(), by_latency.get_xscale()) == ("log", "linear")
    assert by_size.get_xlabel() == "size (MB)"
    assert by_latency.get_xlabel() == "latency p50 (ms)"
    assert by_size.get_ylabel() == "accuracy on dev"
    sizes, latencies = points(by_size), points(by_latency)
    assert set(sizes) == {(8.0, 0.9), (2.0, 0.8), (4.0, 0.7), (3.0, 0.6)}
    assert set(latencies) == {(3.0, 0.8), (5.0, 0.6)}
    a, b = sizes[2.0, 0.8], sizes[3.0, 0.6]
    assert a[0] != b[0]
    assert a[1] == b[1] != sizes[8.0, 0.9][1]
    assert sizes[8.0, 0.9][0] == a[0]
    assert latencies == {(3.0, 0.8): a, (5.0, 0.6): b}
    (front,) = [line for line in by_size.lines if len(line.get_xdata()) > 1]
    assert list(zip(*front.get_data(), strict=True))[1:-1] == [(2.0, 0.8), (8.0, 0.9)]


def test_the_legend_names_every_run_as_it_is_written(monkeypatch):
    rows = [row(name, pareto=True) for name in ("_hidden", "a$b$c", "x")]
    (legend,) = drawn(monkeypatch, rows).legends
    labels = [text.get_text() for text in legend.get_texts() if text.get_text()]
    assert labels == ["run", "_hidden", "a$b$c", "x", "artefact", "keras", "Pareto front"]


@pytest.mark.parametrize(
    "rows",
    [
        [row(pareto=True)],
        [row(metric=0.0, pareto=True)],
        [row(megabytes=0.001, pareto=True), row("b", megabytes=5000.0)],
        [row(f"run_{i:02}", f"kind_{i}", 0.5, 1 + i, pareto=i == 0) for i in range(40)],
    ],
    ids=["one", "worthless", "seven_decades", "forty_runs"],
)
def test_unusual_sets_of_runs_are_drawn_with_ticks_and_without_overlap(monkeypatch, rows):
    figure = drawn(monkeypatch, rows)
    by_size, by_latency = figure.axes
    low, high = by_size.get_xlim()
    ticks = [tick for tick in by_size.get_xticks() if low <= tick <= high]
    assert 1 <= len(ticks) <= 12
    colours = {to_hex(by_size.lines[i].get_color()) for i in range(len(rows))}
    assert len(colours) == len({entry["run"] for entry in rows})
    (legend,) = figure.legends
    box = legend.get_window_extent()
    assert box.x0 > by_latency.get_window_extent().x1
    assert figure.bbox.y0 <= box.y0 < box.y1 <= figure.bbox.y1
    assert figure.bbox.x1 >= box.x1


def test_the_picture_does_not_magnify_noise(monkeypatch):
    by_size, _ = drawn(monkeypatch, [row(metric=0.9, pareto=True), row("b", metric=0.9001)]).axes
    low, high = by_size.get_ylim()
    assert high - low >= 0.02 * 0.9


def test_runs_on_different_data_have_fronts_of_their_own(monkeypatch):
    rows = [
        row(pareto=True, data="b"),
        row("x", "litert_int8", 0.5, 2.0, pareto=True, data="a"),
        row("x", "litert_int4", 0.4, 1.0, pareto=True, data="a"),
    ]
    expected = {"a": [(1.0, 0.4), (2.0, 0.5)], "b": [(8.0, 0.9)]}
    assert tradeoffs.fronts(rows) == expected
    figure = drawn(monkeypatch, rows)
    by_size, _ = figure.axes
    lines = [line for line in by_size.lines if len(line.get_xdata()) > 1]
    corners = [list(zip(*line.get_data(), strict=True))[1:-1] for line in lines]
    assert corners == list(expected.values())
    assert len({line.get_linestyle() for line in lines}) == 2
    (legend,) = figure.legends
    names = [text.get_text() for text in legend.get_texts()]
    assert names[-2:] == ["Pareto front, a", "Pareto front, b"]


def test_artefacts_are_written_beside_their_points_without_overlap(monkeypatch):
    kinds = ("keras", "litert_float32", "litert_dynamic", "litert_int8")
    rows = [
        row(f"run_{i}", kind, 0.8 + i / 50, 8.0 / (1 + j), 1.0 + j, pareto=not (i or j))
        for i in range(5)
        for j, kind in enumerate(kinds)
    ]
    for axes in drawn(monkeypatch, rows).axes:
        texts = [text for text in axes.texts if text.get_text()]
        assert {text.get_text() for text in texts} <= {"keras", "float32", "dynamic", "int8"}
        assert len(texts) > 15
        boxes = [text.get_window_extent() for text in texts]
        for number, box in enumerate(boxes):
            assert not any(box.overlaps(other) for other in boxes[:number])


def test_equal_data_has_one_name_and_other_data_of_that_name_a_number():
    first, other = {"train": "a.tsv"}, {"train": "a.tsv", "limit": 5}
    names = data_names([first, other, {"source": "sample", "sample": "news"}, dict(first)])
    assert names == ["a.tsv", "a.tsv (2)", "news", "a.tsv"]


def test_compare_without_a_run_is_a_usage_error(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["compare"])
    assert ended.value.code == 2
    assert "RUN" in capsys.readouterr().err


def test_a_folder_that_is_no_bundle_is_an_input_error(tmp_path):
    with pytest.raises(InputError, match="no manifest.json, so this is not a finished run"):
        compare([tmp_path])
