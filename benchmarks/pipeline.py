"""Texts to padded batches: our pipeline against Hugging Face datasets, tokenizers and a DataLoader.

    python benchmarks/pipeline.py --peers-python /tmp/peers/bin/python

Both take the same texts with the vocabulary of minilm_l6, tokenize all of them (a job of its own)
and give shuffled batches padded to their longest row, an epoch a job. The sides take turns.
"""

from __future__ import annotations

import argparse
import csv
import json
import tempfile
import time
from pathlib import Path

from _versus import HERE, Peer, header, middle, ratios, take_turns, write

SAMPLE = HERE.parent / "tfapps/samples/support_intents/train.tsv"
SETTING = ("rows", "batch", "length", "threads", "rounds")


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--peers-python", required=True, help="of benchmarks/requirements.txt")
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--length", type=int, default=64)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--warmup", type=int, default=2)
    parser.add_argument("--output", type=Path, default=HERE / "results/pipeline.json")
    return parser.parse_args()


def texts(count):
    """Return the texts of the sample, each with a number so that no two are alike."""
    with SAMPLE.open(encoding="utf-8", newline="") as file:
        sentences = [
            row["text"] for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
        ]
    return [f"{sentences[i % len(sentences)]} {i}" for i in range(count)]


class Ours:
    """One job of our pipeline."""

    def __init__(self, job, rows, options):
        import tensorflow as tf

        from tfapps.presets import presets
        from tfapps.tasks.classification import Config, Task
        from tfapps.text.tokenizer import Tokenizer

        self.name, self.versions = f"tfapps_{job}", {"tensorflow": tf.__version__}
        self.task = Task.learn(Config(), rows)
        self.tokenizer = Tokenizer.from_wordpiece(*presets.vocabulary("minilm_l6"))
        self.rows, self.options, self.epochs = rows, options, 0
        self.run = {"tokenize": self.tokenize, "epoch": self.epoch}[job]
        self.batches = None

    def tokenize(self):
        from tfapps.data import encoding

        return encoding.encode(self.rows, self.task, self.tokenizer, self.options.length, None)

    def epoch(self):
        if self.batches is None:
            from tfapps.data.pipeline import Batches
            from tfapps.features.feature import tokens

            self.batches = Batches(
                self.tokenize(),
                features=tokens("token_ids", "padding_mask", "segment_ids"),
                targets=("label",),
                batch_size=self.options.batch,
                max_length=self.options.length,
            )
            list(self.batches.epoch(0))  # its columns are made once
        self.epochs += 1
        return sum(1 for _ in self.batches.epoch(self.epochs))

    def __call__(self):
        cpu, wall = time.process_time(), time.perf_counter()
        self.run()
        return {"cpu": time.process_time() - cpu, "wall": time.perf_counter() - wall}


def main():
    options = arguments()
    rows = [{"text": text, "label": str(i % 10)} for i, text in enumerate(texts(options.rows))]
    report = {}
    with tempfile.TemporaryDirectory() as folder:
        from tfapps.presets.presets import locate

        data = Path(folder) / "rows.json"
        data.write_text(json.dumps(rows), encoding="utf-8")
        settings = {key: getattr(options, key) for key in ("batch", "length", "threads")}
        settings |= {"data": str(data), "folder": str(locate("minilm_l6"))}
        for job in ("tokenize", "epoch"):
            peer = Peer(options.peers_python, "_datasets_peer.py", {**settings, "job": job})
            peer.name = f"datasets_{job}"
            sides = [Ours(job, rows, options), peer]
            took = take_turns(sides, options.warmup, options.rounds)
            peer.close()
            report = report or header(options, SETTING, sides)
            ours, theirs = (took[side.name][options.warmup :] for side in sides)
            for name, figures in (("tfapps", ours), ("datasets", theirs)):
                speed = round(options.rows / middle(figures, "wall", 6))
                report.setdefault(job, {})[name] = {"texts_per_second": speed}
            report[job] |= {f"{key}_ratio": ratios(ours, theirs, key) for key in ("cpu", "wall")}
            print(job, report[job])
    write(options.output, report)


if __name__ == "__main__":
    main()
