"""Compare finished runs by the figures in their bundles, without running them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tfapps.bundle.bundle import Bundle
from tfapps.config import strict_yaml
from tfapps.errors import InputError
from tfapps.printable import plain
from tfapps.runs import figures
from tfapps.runs.card import number
from tfapps.runs.figures import UNCOMPRESSED

LEGEND = (
    "* on the Pareto front: no other artefact on the same data beats it in metric or size without "
    "losing the other"
)
OTHER_DATA = (
    "note: `data:` differs between these runs; their metrics compare only on the same dev rows"
)


def compare(paths: Sequence[Path]) -> dict[str, Any]:
    """Collect every artefact of the runs, best metric first, then smallest first.

    Args:
        paths: folders of verified runs; one given twice counts once.

    Returns:
        `headline`: name of the metric; `same_data`: whether the runs' configs name the same data;
        `rows`: of every artefact, run, data (a name for its section `data:`) and what
        `tfapps.runs.figures.rows` holds of it, and pareto, whether it is on the front of metric
        and size among the runs on the same data. A model before compression has a row too, which
        is on no front: no bundle holds it.

    Raises:
        InputError: a line for each run that is missing, damaged or not verified, and one if the
            runs are judged by different metrics.

    Example:
        >>> compare([Path("saved_models/intents")])["rows"][0]["artifact"]
        'keras'
    """
    bundles, problems = _opened(paths)
    judged = {bundle.metrics["headline"]: bundle.path for bundle in bundles}
    if len(judged) > 1:
        metrics_by_run = ", ".join(f"{path} by {headline}" for headline, path in judged.items())
        problems.append(
            f"runs judged by different metrics: {metrics_by_run}; compare runs that share one"
        )
    if problems:
        raise InputError("\n".join(problems))
    data = [strict_yaml.read(bundle.config_path)["data"] for bundle in bundles]
    rows = [
        {**row, "data": data_set}
        for name, bundle, data_set in zip(_names(bundles), bundles, data_names(data), strict=True)
        for row in _rows(name, bundle)
    ]
    for row in rows:
        same = [other for other in rows if other["data"] == row["data"]]
        row["pareto"] = row["artifact"] != UNCOMPRESSED and not any(
            _beats(other, row) for other in same if other["artifact"] != UNCOMPRESSED
        )
    rows.sort(key=lambda row: (-row["metric"], row["bytes"], row["run"], row["artifact"]))
    same_data = all(section == data[0] for section in data)
    return {"headline": next(iter(judged)), "same_data": same_data, "rows": rows}


def table(comparison: dict[str, Any]) -> str:
    """Return `compare`'s rows as a text table, with a star for the Pareto front."""
    columns = (
        ("dev", "metric", 1, 4),
        ("test", "test", 1, 4),
        ("drop", "drop", 1, 4),
        ("size MB", "bytes", 1e-6, 2),
        ("gzip MB", "gzip_bytes", 1e-6, 2),
        ("partitions", "partitions", 1, 0),
        ("p50 ms", "p50_ms", 1, 2),
    )
    rows = comparison["rows"]
    run = max(len("run"), *(len(plain(row["run"])) for row in rows))
    names = [f"{row['artifact']}{' (recommended)' * row['recommended']}" for row in rows]
    artifact = max(len("artefact"), *map(len, names))
    titles = "".join(f"{title:>11}" for title, *_ in columns)
    lines = [f"  {'run':<{run}}  {'artefact':<{artifact}}{titles}"]
    for row, name in zip(rows, names, strict=True):
        cells = "".join(f"{number(row[key], *unit):>11}" for _, key, *unit in columns)
        star = "*" if row["pareto"] else " "
        lines.append(f"{star} {plain(row['run']):<{run}}  {name:<{artifact}}{cells}")
    splits = (
        f"{comparison['headline']} on dev, which chose the epoch, and on the test set; drop on "
        "dev, against the uncompressed model of a run that has one, else against keras"
    )
    lines += [splits, LEGEND]
    return "\n".join([*lines, *([] if comparison["same_data"] else [OTHER_DATA])])


def draw(comparison: dict[str, Any], file: Path) -> None:
    """Write `compare`'s rows as a picture: metric against size, metric against latency.

    Raises:
        InputError: the file's name does not end in `.png`, or it cannot be written.
    """
    from tfapps.metrics.tradeoffs import tradeoffs_png

    if file.suffix.lower() != ".png":
        raise InputError(f"{file}: expected the name of a picture that ends in .png")
    picture = tradeoffs_png(comparison["rows"], comparison["headline"])
    try:
        file.write_bytes(picture)
    except OSError as error:
        raise InputError(
            f"{file}: the picture cannot be written: {error.strerror or error}; "
            "name another file with --out"
        ) from error


def _opened(paths: Sequence[Path]) -> tuple[list[Bundle], list[str]]:
    bundles, problems = [], []
    once: dict[Path, Path] = {}
    for path in paths:
        once.setdefault(path.resolve(), path)
    for path in once.values():
        try:
            bundles.append(_verified(path))
        except InputError as error:
            problems.append(str(error))
    return bundles, problems


def _verified(path: Path) -> Bundle:
    bundle = Bundle.open(path)
    _ = bundle.config_path, bundle.metrics, bundle.proof  # all that is read: damage is listed here
    # A new export keeps the old figures; only the stage shows whether they are current.
    if "verify" not in bundle.manifest.get("stages", {}):
        raise InputError(
            f"{path}: its files have not passed verify since the last export; "
            f"run `tfapps verify {bundle.config_path}` first"
        )
    return bundle


def _names(bundles: Sequence[Bundle]) -> list[str]:
    """Name each run after its folder, or by its path where two folders share a name."""
    short = [bundle.path.resolve().name for bundle in bundles]
    return [
        str(bundle.path) if short.count(name) > 1 else name
        for name, bundle in zip(short, bundles, strict=True)
    ]


def data_names(sections: Sequence[dict[str, Any]]) -> list[str]:
    """Return a name for the data of each run, the same for equal sections alone."""
    short = [str(d.get("sample") or d.get("train") or d.get("source", "data")) for d in sections]
    distinct: dict[str, list[Any]] = {}
    names = []
    for name, section in zip(short, sections, strict=True):
        known = distinct.setdefault(name, [])
        if section not in known:
            known.append(section)
        number = known.index(section) + 1
        names.append(name if number == 1 else f"{name} ({number})")
    return names


def _rows(run: str, bundle: Bundle) -> list[dict[str, Any]]:
    return [{"run": run, **row} for row in figures.rows(bundle.metrics, bundle.proof)]


def _beats(first: dict[str, Any], second: dict[str, Any]) -> bool:
    """Return whether `first` is as good in both metric and size, and better in one."""
    as_good = first["metric"] >= second["metric"] and first["bytes"] <= second["bytes"]
    return as_good and (first["metric"], first["bytes"]) != (second["metric"], second["bytes"])
