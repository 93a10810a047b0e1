"""The README's table of measured figures, from finished runs.

    for config in configs/*.yaml; do tfapps run $config; done
    python benchmarks/table.py saved_models/*/ > table.md

Adds to `benchmarks/results/configs.json`, the figures with the command behind each, and prints what
stands there.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

ARTIFACTS = ("keras", "litert_float32", "litert_dynamic", "litert_int8")
KEPT = ("bytes", "gzip_bytes", "partitions", "p50_ms", "agreement", "max_logit_difference")
RESULTS = Path(__file__).parent / "results" / "configs.json"


def figures(folder: Path) -> dict:
    """Return what the table needs of one bundle."""
    metrics = json.loads((folder / "metrics.json").read_text())
    proof = json.loads((folder / "verify.json").read_text())
    headline = metrics["headline"]
    seconds = sum(epoch["seconds"] for epoch in metrics["training"])
    return {
        "command": f"tfapps run configs/{folder.name}.yaml",
        "metric": headline,
        "training_seconds": round(seconds),
        "artifacts": {
            name: {
                headline: round(metrics["dev"][name][headline], 4),
                **{key: proof[name][key] for key in KEPT if key in proof[name]},
            }
            for name in ("keras", "saved_model", *ARTIFACTS[1:])
            if name in metrics["dev"]
        },
    }


def row(name: str, figures: dict) -> str:
    """Return one markdown row: headline metric, size and latency of every artefact."""
    cells = []
    for artifact in ARTIFACTS:
        value = figures["artifacts"].get(artifact)
        if value is None:
            cells.append("-")
            continue
        cell = f"{value[figures['metric']]:.4f}"
        if "p50_ms" in value:
            cell += f" · {value['bytes'] / 1e6:.1f} MB · {value['p50_ms']:.1f} ms"
        cells.append(cell)
    return f"| `{name}` | {figures['metric']} | {' | '.join(cells)} |"


def main() -> None:
    """Add the given runs and print all."""
    runs = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    runs |= {Path(path).name: figures(Path(path)) for path in sys.argv[1:]}
    RESULTS.write_text(json.dumps(runs, indent=2) + "\n")
    print(f"| config | metric | {' | '.join(ARTIFACTS)} |")
    print(f"| --- | --- | {' | '.join(['---'] * len(ARTIFACTS))} |")
    for name, figures_of_run in sorted(runs.items()):
        print(row(name, figures_of_run))


if __name__ == "__main__":
    main()
