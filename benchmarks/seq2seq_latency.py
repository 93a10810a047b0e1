"""A translation by LiteRT against the same weights in PyTorch: one thread, one text, beam 1.

    python benchmarks/seq2seq_latency.py saved_models/translation_lstm_multi30k \\
        --torch-python /tmp/torchenv/bin/python

A source of so many tokens, an answer of so many steps: neither side may stop earlier. Files and
PyTorch take turns in one run. What PyTorch says has to be what the float file says.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import numpy as np
from _versus import HERE, Peer, header, middle, ratios, take_turns, write

SETTING = ("bundle", "source_tokens", "tokens", "rounds")


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("bundle", help="of a seq2seq_lstm with one layer each, tie: all, unfed")
    parser.add_argument("--torch-python", required=True, help="a Python with torch")
    parser.add_argument("--source-tokens", type=int, default=20)
    parser.add_argument("--tokens", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=60)
    parser.add_argument("--output", type=Path, default=HERE / "results/seq2seq_latency.json")
    return parser.parse_args()


class File:
    """One .tflite file of an encoder and a step."""

    def __init__(self, path, settings):
        import ai_edge_litert

        from tfapps.runners.litert_steps import LiteRTSteps

        self.name, self.settings = f"litert_{path.stem}", settings
        self.steps = LiteRTSteps(path)
        ids = np.array([settings["source"]], np.int32)
        self.features = {"token_ids": ids, "padding_mask": np.ones_like(ids)}
        self.bytes = path.stat().st_size
        self.versions = {"ai_edge_litert": ai_edge_litert.__version__}

    def __call__(self):
        cpu, wall = time.process_time(), time.perf_counter()
        states, context = self.steps.encode(self.features)
        last, said = np.array([self.settings["start_id"]], np.int32), []
        for _ in range(self.settings["tokens"]):
            logits, states, _ = self.steps.step(last, states, context)
            last = logits.argmax(axis=-1).astype(np.int32)
            said.append(int(last[0]))
        spent = {"cpu": time.process_time() - cpu, "wall": time.perf_counter() - wall}
        return {**spent, "said": said}


def main():
    from tfapps import config
    from tfapps.bundle import Bundle
    from tfapps.tasks.translation import Task

    options = arguments()
    bundle = Bundle.open(Path(options.bundle))
    run = config.load(bundle.path / "config.yaml")
    task = Task.load(run.task, bundle.path / "text")
    random = np.random.default_rng(0)
    words = task.tokenizer.vocabulary_size
    source = random.integers(10, words, options.source_tokens - 1).tolist()
    settings = {
        "threads": 1,
        "words": words,
        "width": run.model.embedding_size,
        "units": run.model.units,
        "dropout": 0.0,
        "weights": str(bundle.weights),
        "source": [*source, task.tokenizer.end_id],
        "start_id": task.target_tokenizer.start_id,
        "tokens": options.tokens,
    }
    peer = Peer(options.torch_python, "_torch_seq2seq.py", settings)
    paths = sorted((bundle.path / "litert").glob("*.tflite"))
    sides = [*(File(path, settings) for path in paths if path.stem != "greedy"), peer]
    rows = take_turns(sides, 5, options.rounds)
    peer.close()
    report = header(options, SETTING, sides)
    theirs = rows[peer.name][5:]
    for side in sides:
        some = rows[side.name][5:]
        report[side.name] = {
            "p50_ms": round(1e3 * middle(some, "wall", 6), 2),
            "cpu_ms": round(1e3 * middle(some, "cpu", 6), 2),
            "says_what_pytorch_says": some[0]["said"] == theirs[0]["said"],
            "cpu_ratio": ratios(some, theirs, "cpu"),
        }
        if side is not peer:
            report[side.name]["megabytes"] = round(side.bytes / 1e6, 2)
        print(side.name, json.dumps(report[side.name]))
    write(options.output, report)


if __name__ == "__main__":
    main()
