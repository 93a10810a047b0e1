"""Tables of what other ways lead to a small file: recipes without training, other tool chains."""

from __future__ import annotations

from typing import Any

from tools.tables.markdown import percent, read, table

RECIPES = {
    "min_max": "largest weight of a channel",
    "octav": "OCTAV: clipped scales",
    "hadamard": "Hadamard rotation",
    "gptq": "GPTQ",
    "oscar": "OSCAR",
    "block64": "a scale for 64 weights",
    "block32": "a scale for 32 weights",
    "gptq_block32": "GPTQ, a scale for 32 weights",
}
TOOLS = {
    "tfapps": "tfapps",
    "litert_torch": "litert-torch, litert-quantizer",
    "executorch": "ExecuTorch, XNNPACK",
    "onnxruntime": "ONNX Runtime",
}


def post_training() -> str:
    """Return the table of recipes without training, beside the files of the runs."""
    rows = []
    for run, report in read("post_training").items():
        cells = [(f"`{run}`", "`litert_float32`", report["float32"] | {"agreement": 1.0})]
        for origin, files in report["files"].items():
            for name, figures in sorted(files.items(), key=lambda pair: -pair[1]["bytes"]):
                title = f"`{origin}`", f"`{name}`"
                if origin == "recipe":
                    bits, _, way = name.partition("_")
                    title = "without training", f"{bits}: {RECIPES[way]}"
                cells.append((*title, figures))
        for origin, title, figures in cells:
            points = 100 * (figures["metric"] - report["float32"]["metric"])
            rows.append(
                (
                    origin,
                    title,
                    f"{figures['metric']:.4f}",
                    f"{points:+.1f}",
                    f"{figures['agreement']:.3f}",
                    f"{figures['bytes'] / 1e6:.2f}",
                    str(figures.get("partitions", "-")),
                    f"{figures['cpu_ms']:.1f}",
                )
            )
    titles = ("made by", "file", "metric:", "points:", "agreement:", "MB:", "partitions:")
    return table((*titles, "CPU ms:"), rows)


def rival() -> str:
    """Return the table of the same classifier through other tool chains."""
    report = read("rival")
    lengths = report["setting"]["tokens"]
    rows = []
    for name, side in report["sides"].items():
        tool, _, file = name.partition(" ")
        times = (f"{side[f'cpu_ms_{tokens}']:.1f}" for tokens in lengths)
        rows.append(
            (
                TOOLS[tool],
                file.replace("_", " "),
                str(side["lines"]),
                f"{side['accuracy']:.3f}",
                percent(side["agreement"]),
                f"{side['bytes'] / 1e6:.1f}",
                *times,
                str(side["peak_mb"]),
            )
        )
    times = (f"CPU ms, {tokens} tokens:" for tokens in lengths)
    titles = ("made by", "file", "lines:", "accuracy:", "agreement:", "MB:")
    text = table((*titles, *times, "peak memory (MB):"), rows)
    return text + _notes(report)


def _notes(report: dict[str, Any]) -> str:
    """Return the machine, the versions and what failed."""
    versions = ", ".join(f"{name} {version}" for name, version in report["versions"].items())
    errors = (f"\n{TOOLS[name]} failed: `{error}`\n" for name, error in report["errors"].items())
    rows = report["setting"]["rows"]
    return f"\n{rows:,} rows of dev, {report['processor']}; {versions}.\n" + "".join(errors)


TABLES = {"post_training": post_training, "rival": rival}
