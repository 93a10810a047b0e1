"""Tables of runs by shipped configs and of their files."""

from __future__ import annotations

import functools
from typing import Any

import yaml

from tools.blocks import ROOT
from tools.tables.markdown import megabytes, percent, read, table

# Configs that differ in these keys alone share one training.
UNTRAINED = {"name", "compress", "export", "lengths", "verify"}
# Sections of a config that trains all weights on the labels of all rows, from a preset or nothing.
PLAIN = {"task", "data", "model", "text", "train", "compress", "export", "lengths", "seed"}
# What is shown of a run that is judged by the metric before the colon.
SHOWN = {"frame_accuracy": ("accuracy", "f1")}
TITLES = {"accuracy": "accuracy of intents", "f1": "f1 of slots"}


@functools.cache
def config(name: str) -> dict[str, Any]:
    """Return a shipped config as it is written."""
    return yaml.safe_load((ROOT / f"configs/{name}.yaml").read_text(encoding="utf-8"))


def base(name: str) -> str:
    """Return the run with the same training that is not compressed; the name itself if none is."""
    trained = {key: value for key, value in config(name).items() if key not in UNTRAINED}
    for other in read("configs"):
        same = {key: value for key, value in config(other).items() if key not in UNTRAINED}
        if same == trained and "compress" not in config(other):
            return other
    return name


def plain(name: str) -> bool:
    """Return whether a run is of the table of the README: nothing but a task, a model and data.

    A compressed run is one if there is no uncompressed run that it was made from.
    """
    written = config(name)
    return (
        written.keys() <= PLAIN
        and base(name) == name
        and "shots" not in written["data"]
        and not str(written["model"].get("preset", "")).startswith("saved_models/")
        and any(file.startswith("litert_") for file in read("configs")[name]["artifacts"])
        and written["task"]["name"] not in ("masked_lm", "translation")
    )


def split(run: dict[str, Any]) -> str:
    """Return the rows that a run was evaluated on, as a cell."""
    return f"`{run['split']}`" + (f", {run['rows']:,} rows" if "rows" in run else "")


def cell(run: dict[str, Any], artifact: str) -> str:
    """Return metric, size and median latency of an artefact."""
    figures = run["artifacts"].get(artifact)
    if figures is None:
        return "-"
    metrics = SHOWN.get(run["metric"], (run["metric"],))
    parts = [
        ", ".join(f"{figures[metric]:.{4 if len(metrics) == 1 else 3}f}" for metric in metrics)
    ]
    size = megabytes(figures)
    if size is not None and artifact != "keras":
        parts.append(f"{size:.{1 if size >= 1 else 2}f} MB")
    if "p50_ms" in figures:
        parts.append(f"{figures['p50_ms']:.1f} ms")
    return " · ".join(parts)


def configs() -> str:
    """Return the table of the README: shipped configs and their files."""
    results = read("configs")
    files = ("keras", "litert_float32", "litert_dynamic", "litert_int8")
    rows = []
    for name in sorted(filter(plain, results)):
        run, trained = results[name], results.get(f"{name}_qat8")
        cells = [cell(run, artifact) for artifact in files]
        if trained and "litert_int8" not in run["artifacts"]:
            cells[-1] = f"{cell(trained, 'litert_int8')} (`_qat8`)"
        metrics = SHOWN.get(run["metric"])
        titles = [TITLES[metric] for metric in metrics] if metrics else [run["metric"]]
        rows.append((f"`{name}`", split(run), ", ".join(titles), *cells))
    return table(("config", "evaluated on", "metric", *files), rows)


def compressed() -> str:
    """Return the table of compression: every file of a run, beside the run it was made from."""
    results = read("configs")
    groups = {base(name) for name in results if base(name) != name}
    rows = []
    for name, run in sorted(results.items(), key=lambda pair: (base(pair[0]), pair[0])):
        float32 = results[base(name)]["artifacts"].get("litert_float32", {})
        if base(name) not in groups or config(name)["task"]["name"] != "classification":
            continue
        for artifact, figures in run["artifacts"].items():
            if artifact.startswith("litert_"):
                rows.append(_file(name, run, artifact, figures, float32))
    titles = ("run", "compressed by", "file", "metric:", "points:", "MB:", "of float32:")
    return table((*titles, "gzip MB:", "agreement:", "p50 ms:", "CPU ms:"), rows)


def _file(
    name: str, run: dict[str, Any], artifact: str, figures: dict[str, Any], float32: dict[str, Any]
) -> tuple[str, ...]:
    """Return a row of the table of compression."""
    metric = run["metric"]
    return (
        f"`{name}`",
        " + ".join(run.get("compressors", ["-"])),
        f"`{artifact}`",
        f"{figures[metric]:.4f}",
        f"{100 * (figures[metric] - float32[metric]):+.1f}",
        f"{figures['bytes'] / 1e6:.2f}",
        percent(figures["bytes"] / float32["bytes"]),
        f"{figures['gzip_bytes'] / 1e6:.2f}",
        f"{figures['agreement']:.3f}",
        *(f"{figures[key]:.1f}" if key in figures else "-" for key in ("p50_ms", "cpu_ms")),
    )


def _share(share: float) -> str:
    """Return the share of answers that are the same."""
    return "all" if share == 1 else percent(share)


def tagging() -> str:
    """Return the table of the taggers of CoNLL-2003."""
    rows = []
    for name, run in read("configs").items():
        if run["split"] != "conll2003/eng.testa":
            continue
        title = f"`{name}`"
        for artifact, figures in run["artifacts"].items():
            if "token_micro_f1" not in figures:
                continue
            rows.append(
                (
                    title,
                    f"`{artifact}`",
                    f"{figures['bytes'] / 1e6:.1f}",
                    f"{figures['f1']:.4f}",
                    f"{figures['token_micro_f1']:.4f}",
                    _share(figures.get("agreement", 1.0)),
                )
            )
            title = ""
    return table(("run", "file", "MB:", "F1:", "tags:", "same:"), rows)


def translation() -> str:
    """Return the table of the translators of Multi30k."""
    rows = []
    for name, run in read("translations").items():
        title = f"`{name}`"
        for artifact, size in read("configs")[name]["artifacts"].items():
            cells = [title, f"`{artifact}`", f"{size['megabytes']:.1f}"]
            for beam in ("beam_1", "beam_5"):
                figures = run[beam]["artifacts"].get(artifact)
                if figures is None:
                    cells += ["-", "-"]
                    continue
                same = figures["same_sentences"] / run[beam]["rows"]
                cells += [f"{figures['bleu']:.1f}", _share(same)]
            rows.append(cells)
            title = ""
    return table(("run", "file", "MB:", "beam 1:", "same:", "beam 5:", "same:"), rows)


TABLES = {
    "configs": configs,
    "compressed": compressed,
    "tagging": tagging,
    "translation": translation,
}
