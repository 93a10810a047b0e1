"""The table of docs/explanation/compression.md: compressed runs beside the run they were made from.

    for config in configs/intents_bert_banking77*.yaml; do tfapps run $config; done
    python benchmarks/compression.py saved_models/*/ > table.md

Adds to `benchmarks/results/compression.json`, the figures with the command behind each, and prints
what stands there. Latencies of the given runs are taken anew, all files in turn.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from _timing import timed
from table import KEPT

RESULTS = Path(__file__).parent / "results" / "compression.json"

TITLES = ("run", "compressed by", "file", "metric", "points", "MB", "of float32", "gzip MB")
TITLES += ("agreement", "p50 ms", "CPU ms")


def figures(folder: Path) -> dict[str, Any]:
    """Return the figures of one bundle, and what identifies its uncompressed model."""
    metrics = json.loads((folder / "metrics.json").read_text())
    proof = json.loads((folder / "verify.json").read_text())
    stages = json.loads((folder / "manifest.json").read_text())["stages"]
    headline = metrics["headline"]
    notes = metrics.get("compression", [])
    return {
        "command": f"tfapps run configs/{folder.name}.yaml",
        "training": stages["train"],
        "metric": headline,
        "compressors": [note["name"] for note in notes],
        "reports": {note["name"]: note["report"] for note in notes if note["report"]},
        "artifacts": {
            name: {
                headline: round(scores[headline], 4),
                **{key: proof[name][key] for key in KEPT if key in proof.get(name, {})},
            }
            for name, scores in metrics["dev"].items()
        },
    }


def rows(runs: dict[str, dict[str, Any]]) -> list[str]:
    """Return markdown rows: every file of every run, uncompressed runs first."""
    order = sorted(runs, key=lambda name: (runs[name]["training"], runs[name]["compressors"] != []))
    lines = []
    for name in order:
        run = runs[name]
        base = next(
            (
                other
                for other in runs.values()
                if other["training"] == run["training"] and not other["compressors"]
            ),
            None,
        )
        if base is None:
            continue
        metric = run["metric"]
        float32 = base["artifacts"]["litert_float32"]
        for artifact, figures in run["artifacts"].items():
            if not artifact.startswith("litert_"):
                continue
            change = 100 * (figures[metric] - float32[metric])
            share = 100 * figures["bytes"] / float32["bytes"]
            lines.append(
                f"| `{name}` | {' + '.join(run['compressors']) or '-'} | `{artifact}` | "
                f"{figures[metric]:.4f} | {change:+.1f} | {figures['bytes'] / 1e6:.2f} "
                f"| {share:.1f} % | {figures['gzip_bytes'] / 1e6:.2f} | {figures['agreement']:.3f} "
                f"| {figures['p50_ms']:.1f} | {figures['cpu_ms']:.1f} |"
            )
    return lines


def main() -> None:
    """Add the given runs and print all."""
    runs = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    folders = [Path(path) for path in sys.argv[1:]]
    files = {(path.name, file.stem): file for path in folders for file in path.glob("litert/*")}
    latency = timed(files)
    for path in folders:
        runs[path.name] = figures(path)
        for (name, kind), costs in latency.items():
            if name == path.name:
                runs[name]["artifacts"][f"litert_{kind}"] |= costs
    RESULTS.write_text(json.dumps(runs, indent=2) + "\n")
    print(f"| {' | '.join(TITLES)} |\n| {' | '.join(['---'] * 3 + ['---:'] * 8)} |")
    print("\n".join(rows(runs)))


if __name__ == "__main__":
    main()
