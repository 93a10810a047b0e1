"""Tables of the comparison with other libraries, measured by `benchmarks/all.py`."""

from __future__ import annotations

from typing import Any

from tfapps.backends import tiles
from tools.tables.markdown import read, table

STEPS = {
    "train_step": "BERT (MiniLM-L6)",
    "bilstm_step": "BiLSTM classifier",
    "seq2seq_step": "LSTM translator",
}


def ratio(result: dict[str, float]) -> str:
    """Return a ratio with its quartiles."""
    return f"**{result['ratio']:.2f}** ({result['from']:.2f} to {result['to']:.2f})"


def machine() -> str:
    """Return what the figures were measured on, and by which command."""
    report = read("machine")
    return (
        f"`{report['command']}` on {report['processor']}, {report['cores']} cores, "
        f"{report['memory_gb']} GB, Python {report['python']}.\n"
    )


def summary() -> str:
    """Return the table of the README: ratios alone."""
    rows = [
        ("training step of MiniLM-L6 (batch 32, length 64)", "PyTorch", *_ratios("train_step")),
        ("training step of the BiLSTM classifier", "PyTorch", *_ratios("bilstm_step")),
        ("training step of the LSTM translator", "PyTorch", *_ratios("seq2seq_step")),
    ]
    batches = "texts to padded batches", "Hugging Face datasets, tokenizers"
    rows.append((*batches, *_ratios("pipeline", "epoch")))
    (answer,) = (
        result["ratios"]
        for result in read("inference")["results"]
        if (result["tokens"], result["threads"]) == (64, 1)
    )
    answers = (
        ("one text of 64 tokens, one thread, `litert_float32`", "litert_float32 / onnxruntime"),
        ("the same, `litert_dynamic`", "litert_dynamic / onnxruntime_dynamic"),
        ("the same, calibrated `litert_int8`", "litert_int8 / onnxruntime_dynamic"),
    )
    for title, name in answers:
        peer = "ONNX Runtime, dynamic int8" if name.endswith("_dynamic") else "ONNX Runtime"
        rows.append((title, peer, *(answer[name][time]["ratio"] for time in ("cpu", "wall"))))
    sides = read("seq2seq_latency")
    ours, peer = sides["translation_lstm_sample litert_float32"], sides["pytorch"]
    title = f"a translation of {sides['setting']['tokens']} pieces, one thread, `litert_float32`"
    wall = ours["p50_ms"] / peer["p50_ms"]
    rows.append((title, "PyTorch", ours["cpu_ratio"]["ratio"], wall))
    start = read("startup")["ratios"]["litert_float32 / onnxruntime"]
    title = "process to first answer, `litert_float32`"
    rows.append((title, "ONNX Runtime", start["cpu"]["ratio"], start["wall"]["ratio"]))
    cells = [(*row[:2], *(f"{value:.2f}" for value in row[2:])) for row in rows]
    return table(("what", "against", "CPU ratio:", "wall ratio:"), cells)


def _ratios(name: str, *job: str) -> tuple[float, float]:
    """Return the ratios of CPU and of wall time of a report, or of a job in it."""
    report = read(name)
    for key in job:
        report = report[key]
    return report["cpu_ratio"]["ratio"], report["wall_ratio"]["ratio"]


def training() -> str:
    """Return the table of training steps."""
    rows = []
    for name, title in STEPS.items():
        report = read(name)
        speeds = (f"{report[side]['tokens_per_second']:,}" for side in ("tfapps", "pytorch"))
        rows.append((title, *speeds, ratio(report["cpu_ratio"]), ratio(report["wall_ratio"])))
    titles = ("model", "ours (tokens/s):", "PyTorch (tokens/s):", "CPU ratio:", "wall ratio:")
    return table(titles, rows)


def pipeline() -> str:
    """Return the table of the input pipeline, and its share of a training step."""
    report, step = read("pipeline"), read("train_step")
    rows = []
    for job in ("tokenize", "epoch"):
        speeds = (f"{report[job][side]['texts_per_second']:,}" for side in ("tfapps", "datasets"))
        ratios = (ratio(report[job]["cpu_ratio"]), ratio(report[job]["wall_ratio"]))
        rows.append((job, *speeds, *ratios))
    titles = ("job", "ours (texts/s):", "datasets (texts/s):", "CPU ratio:", "wall ratio:")
    batch = report["setting"]["batch"] / report["epoch"]["tfapps"]["texts_per_second"]
    share = batch / step["tfapps"]["wall_seconds"]
    return (
        f"{table(titles, rows)}\n"
        f"A batch takes {1e3 * batch:.2f} ms, {share:.2%} of the BERT's step above.\n"
    )


def inference() -> str:
    """Return two tables for each number of tokens and threads: the sides, and their ratios."""
    parts = []
    for result in read("inference")["results"]:
        rows = [
            (
                name,
                f"{side['cpu_ms']:.1f}",
                f"{side['wall_ms']:.1f}",
                f"{side['logits_from_pytorch']:.3g}",
            )
            for name, side in result["sides"].items()
        ]
        ratios = [
            (name, ratio(pair["cpu"]), ratio(pair["wall"]))
            for name, pair in result["ratios"].items()
        ]
        parts += [
            f"{result['tokens']} tokens, {result['threads']} thread(s):\n",
            table(("side", "CPU (ms):", "wall (ms):", "difference:"), rows),
            table(("ratio", "CPU:", "wall:"), ratios),
        ]
    return "\n".join(parts)


def tile_heights() -> str:
    """Return the table of how many rows a product computes at once, by processor."""
    known = [*tiles.X86.values(), tiles.ZEN, *tiles.ARM.values(), tiles.ARM64, tiles.APPLE]
    rows = [(tile.processor, str(tile.float32), str(tile.dynamic)) for tile in dict.fromkeys(known)]
    return table(("processor", "`litert_float32`:", "`litert_dynamic`:"), rows)


def _files(report: dict[str, Any]) -> str:
    """Return what a text takes by its tokens, beside the rows that float32 computes for them."""
    times, height = report["cpu_ms"], report["tile"]
    rows = []
    for tokens in times["litert_float32"]:
        cells = (f"{side[tokens]:.2f}" if tokens in side else "-" for side in times.values())
        rows.append((tokens, str(tiles.rows(int(tokens), height)) if height else "-", *cells))
    titles = (f"{name} (ms):" for name in times)
    return table(("tokens:", "rows of float32:", *titles), rows)


def lengths() -> str:
    """Return two tables for each processor: CPU times by tokens, and their ratios."""
    parts = []
    for processor, report in read("lengths").items():
        releases = ", ".join(f"{name} {version}" for name, version in report["versions"].items())
        peers = next(iter(report["ratios"].values()))
        ratios = [
            (name, *(ratio(pair[tokens]) for tokens in peers))
            for name, pair in report["ratios"].items()
        ]
        parts += [
            f"{processor}, {releases}, `{report['command']}`:\n",
            _files(report),
            table(("CPU ratio", *(f"{tokens} tokens:" for tokens in peers)), ratios),
        ]
    return "\n".join(parts)


def processors() -> str:
    """Return the table of CPU ratios to ONNX Runtime by processor and tokens, on one thread."""
    columns = ("8", "16", "32", "64", "128")
    results = {name: report["ratios"] for name, report in read("lengths").items()}
    report = read("inference")
    for result in report["results"]:
        if result["threads"] == 1:
            pairs = results.setdefault(report["processor"], {})
            for name, pair in result["ratios"].items():
                pairs.setdefault(name, {}).setdefault(str(result["tokens"]), pair["cpu"])
    rows = [
        (
            processor,
            *(f"`{side}`" for side in name.split(" / ")),
            *(f"{pair[tokens]['ratio']:.2f}" if tokens in pair else "-" for tokens in columns),
        )
        for processor, pairs in results.items()
        for name, pair in pairs.items()
        if "onnxruntime" in name
    ]
    titles = (f"{tokens} tokens:" for tokens in columns)
    return table(("processor", "file", "against", *titles), rows)


def translation() -> str:
    """Return the table of one translated sentence."""
    rows = [
        (
            name,
            f"{side['cpu_ms']:.1f}",
            ratio(side["cpu_ratio"]) if "megabytes" in side else "1",
            "yes" if side["says_what_pytorch_says"] else "no",
            str(side.get("megabytes", "-")),
        )
        for name, side in read("seq2seq_latency").items()
        if isinstance(side, dict) and "cpu_ms" in side
    ]
    return table(("side", "CPU (ms):", "CPU ratio:", "same as PyTorch:", "MB:"), rows)


def start() -> str:
    """Return the tables of a process's first answer."""
    report = read("startup")
    rows = [
        (name, f"{side['cpu']:.2f}", f"{side['wall']:.2f}", f"{side['megabytes']:.0f}")
        for name, side in report["sides"].items()
    ]
    ratios = [
        (name, ratio(pair["cpu"]), ratio(pair["wall"]), f"**{pair['megabytes']['ratio']:.2f}**")
        for name, pair in report["ratios"].items()
    ]
    sides = table(("side", "CPU (s):", "wall (s):", "peak memory (MB):"), rows)
    return f"{sides}\n{table(('ratio', 'CPU:', 'wall:', 'memory:'), ratios)}"


def versions() -> str:
    """Return the versions of all libraries."""
    names = ("train_step", "inference", "pipeline")
    releases = {name: v for report in names for name, v in read(report)["versions"].items()}
    return ", ".join(f"{name} {release}" for name, release in sorted(releases.items())) + "\n"


TABLES = {
    "machine": machine,
    "summary": summary,
    "training": training,
    "pipeline": pipeline,
    "inference": inference,
    "lengths": lengths,
    "tiles": tile_heights,
    "processors": processors,
    "translation": translation,
    "start": start,
    "versions": versions,
}
