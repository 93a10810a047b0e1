"""Figures of finished runs by shipped configs, added to `benchmarks/results/configs.json`.

    for config in configs/*.yaml; do tfapps run $config; done
    python benchmarks/runs.py saved_models/*/
    python -m tools.tables   # writes the tables and the picture of the pages

Latencies of files with one signature are measured anew, all files of the given runs in turn; those
of others are the ones that `tfapps run` measured.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

RESULTS = Path(__file__).parent / "results" / "configs.json"
METRICS = ("accuracy", "f1", "token_micro_f1", "perplexity", "pair_accuracy", "rmse")
COSTS = ("bytes", "gzip_bytes", "partitions", "p50_ms", "agreement", "max_logit_difference")


def figures(folder: Path, rows: Mapping[str, int]) -> dict[str, Any]:
    """Return the figures of one bundle, with their command and the rows that they are of.

    Args:
        folder: of the bundle.
        rows: how many rows a split has, where that is known: bundles do not count them.
    """
    metrics, proof = (
        json.loads((folder / name).read_text()) for name in ("metrics.json", "verify.json")
    )
    data = yaml.safe_load((folder / "config.yaml").read_text())["data"]
    notes = metrics.get("compression", [])
    compressed = {
        "compressors": [note["name"] for note in notes],
        "reports": {note["name"]: note["report"] for note in notes if note["report"]},
    }
    test = (
        {"test": {"split": rows_of(data, "test"), "artifacts": chosen(metrics, "test", {})}}
        if "test" in metrics
        else {}
    )
    split = rows_of(data, "dev")
    return {
        "command": f"tfapps run configs/{folder.name}.yaml",
        "split": split,
        **({"rows": rows[split]} if split in rows else {}),
        "metric": metrics["headline"],
        **{key: value for key, value in compressed.items() if value},
        "training_seconds": round(sum(epoch["seconds"] for epoch in metrics["training"])),
        "artifacts": chosen(metrics, "dev", proof),
        **test,
    }


def rows_of(data: dict[str, Any], split: str) -> str:
    """Return which rows a split of a config holds."""
    rows = data.get(split) or split
    if isinstance(rows, float):
        return f"{rows} of {data.get('train') or data.get('sample')}"
    name = data.get("sample") or data.get("dataset")
    return f"{name} {rows}" if name else str(rows)


def chosen(metrics: dict[str, Any], split: str, proof: dict[str, Any]) -> dict[str, Any]:
    """Return the metrics of a split that are kept, and what `verify` measured, by artefact."""
    names = dict.fromkeys((metrics["headline"], *METRICS))
    return {
        artifact: {
            **{name: round(scores[name], 4) for name in names if name in scores},
            **{key: proof[artifact][key] for key in COSTS if key in proof.get(artifact, {})},
        }
        for artifact, scores in metrics[split].items()
    }


def main() -> None:
    """Add the given runs."""
    from _timing import single, timed

    runs = json.loads(RESULTS.read_text())
    folders = [Path(path) for path in sys.argv[1:]]
    paths = ((folder, file) for folder in folders for file in folder.glob("litert/*.tflite"))
    files = {(folder.name, file.stem): file for folder, file in paths if single(file)}
    rows = {run["split"]: run["rows"] for run in runs.values() if "rows" in run}
    runs |= {folder.name: figures(folder, rows) for folder in folders}
    for (name, kind), costs in timed(files).items():
        runs[name]["artifacts"][f"litert_{kind}"] |= costs
    RESULTS.write_text(json.dumps(dict(sorted(runs.items())), indent=2) + "\n")


if __name__ == "__main__":
    main()
