"""All benchmarks against peers, one after the other, and RESULTS.md of what they measured.

    python -m venv /tmp/peers
    /tmp/peers/bin/pip install -r benchmarks/requirements.txt
    python benchmarks/all.py --peers-python /tmp/peers/bin/python

Runs that are measured are trained first, if they are not there. `--write` makes RESULTS.md
anew of the result files.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
from pathlib import Path

import _versus

HERE = Path(__file__).resolve().parent
RUNS = ("intents_bert_sample", "translation_lstm_sample", "translation_lstm_sample_qat8")


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--peers-python", help="of benchmarks/requirements.txt")
    parser.add_argument("--write", action="store_true", help="only write RESULTS.md")
    return parser.parse_args()


def measure(python):
    """Run every script, in turn: two at once would measure each other."""
    environment = {**os.environ, "PYTHONPATH": str(HERE.parent)}

    def run(*command):
        print("$ python", *command, flush=True)
        subprocess.run([sys.executable, *command], check=True, env=environment)

    for name in RUNS:
        if not Path("saved_models", name, "manifest.json").exists():
            run("-m", "tfapps", "run", str(HERE.parent / f"configs/{name}.yaml"))
    for script in ("train_step", "bilstm_step", "seq2seq_step"):
        run(str(HERE / f"{script}.py"), "--torch-python", python)
    translations = [f"saved_models/{name}" for name in RUNS[1:]]
    run(str(HERE / "seq2seq_latency.py"), *translations, "--torch-python", python)
    for script in ("inference", "pipeline", "startup"):
        run(str(HERE / f"{script}.py"), "--peers-python", python)


def read(name):
    return json.loads((HERE / f"results/{name}.json").read_text(encoding="utf-8"))


def cells(result):
    """Return ratio and quarters of CPU and of wall time, as two cells."""
    return " | ".join(
        f"**{result[key]['ratio']:.2f}** ({result[key]['from']:.2f} to {result[key]['to']:.2f})"
        for key in ("cpu", "wall")
    )


def table(titles, rows):
    """Yield the lines of a markdown table: names in the first column, numbers in the others."""
    yield f"| {' | '.join(titles)} |"
    yield f"| --- |{' ---: |' * (len(titles) - 1)}"
    for row in rows:
        yield f"| {' | '.join(row)} |"
    yield ""


def speeds(sides, key, names):
    """Return the speeds of two sides, as two cells."""
    return " | ".join(f"{sides[name][key]:,}" for name in names)


def of_report(report):
    return {"cpu": report["cpu_ratio"], "wall": report["wall_ratio"]}


def training():
    yield "## Training\n"
    yield "One step, ours against PyTorch: the same weights, batches and optimizer, 2 threads.\n"
    steps = {
        "train_step": "BERT (MiniLM-L6)",
        "bilstm_step": "BiLSTM classifier",
        "seq2seq_step": "LSTM translator",
    }
    rows = []
    for name, title in steps.items():
        report = read(name)
        figures = speeds(report, "tokens_per_second", ("tfapps", "pytorch"))
        rows.append((title, figures, cells(of_report(report))))
    titles = ("model", "ours (tokens/s)", "PyTorch (tokens/s)", "CPU ratio", "wall ratio")
    yield from table(titles, rows)


def pipeline():
    report, step = read("pipeline"), read("train_step")
    yield "## Input\n"
    yield "Texts to padded batches, against Hugging Face datasets, tokenizers and a DataLoader.\n"
    rows = []
    for job in ("tokenize", "epoch"):
        figures = speeds(report[job], "texts_per_second", ("tfapps", "datasets"))
        rows.append((job, figures, cells(of_report(report[job]))))
    titles = ("job", "ours (texts/s)", "datasets (texts/s)", "CPU ratio", "wall ratio")
    yield from table(titles, rows)
    batch = report["setting"]["batch"] / report["epoch"]["tfapps"]["texts_per_second"]
    share = batch / step["tfapps"]["wall_seconds"]
    yield f"A batch takes {1e3 * batch:.2f} ms, {share:.2%} of the BERT's step above.\n"


def serving():
    report = read("inference")
    lengths = [*report["setting"]["lengths"], report["setting"]["length"]]
    yield "## Inference\n"
    yield (
        f"One text of a MiniLM-L6 classifier. Our files have lengths of {lengths} tokens "
        "(`lengths:`; `litert_int8` the last alone) and read the least that holds the text, the "
        "peers what there is. The last column is the largest difference of a logit from "
        "PyTorch's.\n"
    )
    for result in report["results"]:
        yield f"{result['tokens']} tokens, {result['threads']} thread(s):\n"
        keys = {"cpu_ms": ".1f", "wall_ms": ".1f", "logits_from_pytorch": ".3g"}
        sides = result["sides"].items()
        rows = [
            (name, *(format(side[k], style) for k, style in keys.items())) for name, side in sides
        ]
        yield from table(("side", "CPU (ms)", "wall (ms)", "difference"), rows)
        rows = [(name, cells(pair)) for name, pair in result["ratios"].items()]
        yield from table(("ratio", "CPU", "wall"), rows)


def translating():
    report = read("seq2seq_latency")
    yield "## Translation\n"
    sides = {name: side for name, side in report.items() if isinstance(side, dict)}
    yield (
        f"A sentence of {report['source_tokens']} pieces to {report['setting']['tokens']}, by the "
        "sample's LSTM translator, one thread; PyTorch takes "
        f"{sides['pytorch']['cpu_ms']:.1f} CPU ms.\n"
    )
    rows = [
        (
            name,
            f"{side['cpu_ms']:.1f}",
            "**{ratio:.2f}** ({from:.2f} to {to:.2f})".format(**side["cpu_ratio"]),
            "yes" if side["says_what_pytorch_says"] else "no",
            str(side["megabytes"]),
        )
        for name, side in sides.items()
        if "megabytes" in side  # PyTorch itself has none
    ]
    yield from table(("side", "CPU (ms)", "CPU ratio", "says what PyTorch says", "MB"), rows)


def starting():
    report = read("startup")
    yield "## Start\n"
    yield "A fresh process to its first answer: a BERT classifier of the same shape.\n"
    keys = {"cpu": ".2f", "wall": ".2f", "megabytes": ".0f"}
    sides = report["sides"].items()
    rows = [
        (name, *(format(side[key], style) for key, style in keys.items())) for name, side in sides
    ]
    yield from table(("side", "CPU (s)", "wall (s)", "peak memory (MB)"), rows)
    pairs = report["ratios"].items()
    rows = [(n, cells(result), f"**{result['megabytes']['ratio']:.2f}**") for n, result in pairs]
    yield from table(("ratio", "CPU", "wall", "memory"), rows)


def document():
    """Yield the lines of RESULTS.md."""
    yield "# Measured against peers\n"
    yield f"`python benchmarks/all.py --peers-python PYTHON` on {_versus.processor()}, "
    yield f"{os.cpu_count()} cores, {memory():.0f} GB, Python {platform.python_version()}.\n"
    yield (
        "Sides take turns in one run; a ratio is the median over neighbouring rounds, with the "
        "quarters around it: below 1 we are quicker. Versions and settings stand in `results/`. "
        "No GPU was at hand: nothing here says anything about one.\n"
    )
    for part in (training, pipeline, serving, translating, starting):
        yield from part()
    yield "## Versions\n"
    names = ("train_step", "inference", "pipeline")
    versions = {name: v for report in names for name, v in read(report)["versions"].items()}
    yield ", ".join(f"{name} {version}" for name, version in sorted(versions.items()))


def memory():
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30


def main():
    options = arguments()
    if not options.write:
        if not options.peers_python:
            raise SystemExit("error: --peers-python is missing: a Python of requirements.txt")
        measure(options.peers_python)
    (HERE / "RESULTS.md").write_text("\n".join(document()) + "\n", encoding="utf-8")
    print(f"written: {HERE / 'RESULTS.md'}")


if __name__ == "__main__":
    main()
