"""A translation by LiteRT against the same weights in PyTorch: one thread, one text, beam 1.

    python benchmarks/seq2seq_latency.py saved_models/translation_lstm_sample \\
        saved_models/translation_lstm_sample_qat8 --torch-python /tmp/peers/bin/python

The text is the first of the dev set whose translation has so many tokens; all take that many steps
but for `litert_greedy`, which stops by itself. Files and PyTorch take turns in one run.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import numpy as np
from _versus import HERE, Peer, header, middle, ratios, take_turns, write

SETTING = ("bundle", "tokens", "rounds")


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "bundle", help="of a seq2seq_lstm with one layer each, tie: all, unfed; PyTorch takes it"
    )
    parser.add_argument("others", nargs="*", help="bundles made of the same training")
    parser.add_argument("--torch-python", required=True, help="a Python with torch")
    parser.add_argument("--tokens", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=60)
    parser.add_argument("--output", type=Path, default=HERE / "results/seq2seq_latency.json")
    return parser.parse_args()


class File:
    """One .tflite file of an encoder and a step."""

    def __init__(self, path, settings):
        import ai_edge_litert

        self.name, self.settings = named(path), settings
        self.steps = steps_of(path)
        self.bytes = path.stat().st_size
        self.versions = {"ai_edge_litert": ai_edge_litert.__version__}

    def __call__(self):
        return spent(lambda: said(self.steps, **self.settings))


class WholeFile:
    """One .tflite file with the search inside."""

    def __init__(self, path, settings):
        from tfapps.backends.litert import LiteRT

        self.name, self.bytes, self.versions = named(path), path.stat().st_size, {}
        self.backend, self.tokens = LiteRT(path), settings["tokens"]
        length = self.backend.signatures["translate"].inputs["token_ids"].shape[1]
        ids = np.array([settings["source"]], np.int32)
        room = ((0, 0), (0, length - ids.shape[1]))
        self.features = {
            "token_ids": np.pad(ids, room),
            "padding_mask": np.pad(np.ones_like(ids), room),
        }

    def __call__(self):
        return spent(self.translated)

    def translated(self):
        outputs = self.backend.call("translate", self.features)
        return outputs["target_ids"][0, : self.tokens].tolist()


def steps_of(path):
    """Return the encoder and the step of a file."""
    from tfapps.backends.litert import LiteRT
    from tfapps.features.feature import tokens
    from tfapps.forms.parts.steps import Steps

    return Steps(LiteRT(path), tokens("token_ids", "padding_mask"))


def named(path):
    """Run and artefact."""
    return f"{path.parent.parent.name} litert_{path.stem}"


def spent(job):
    cpu, wall = time.process_time(), time.perf_counter()
    result = job()
    return {
        "cpu": time.process_time() - cpu,
        "wall": time.perf_counter() - wall,
        "said": result,
    }


def said(steps, source, start_id, tokens, **_):
    """Return the likeliest token each time, so many times, whatever the tokens are."""
    ids = np.array([source], np.int32)
    states, context = steps.encode({"token_ids": ids, "padding_mask": np.ones_like(ids)})
    last, tokens_found = np.array([start_id], np.int32), []
    for _ in range(tokens):
        logits, states, _ = steps.step(last, states, context)
        last = logits.argmax(axis=-1).astype(np.int32)
        tokens_found.append(int(last[0]))
    return tokens_found


def said_by(rows):
    """Return the words alone: the end is there on some sides only."""
    return rows[0]["said"][:-1]


def first_of_length(bundle, run, task, settings):
    """Return source ids of the first dev text whose translation has so many tokens with its end."""
    from tfapps import registry

    steps = steps_of(bundle.path / "litert" / "float32.tflite")
    end = task.target_tokenizer.end_id
    for example in registry.plugin("source", run.data.source).read(run.data, "dev"):
        ids = task.tokenizer.encode([example["text"]], max_length=run.model.max_length - 1)
        source = [*ids.token_ids[0].tolist(), task.tokenizer.end_id]
        answer = said(steps, source=source, **settings)
        if end not in answer[:-1] and answer[-1] == end:
            return source, example["text"]
    raise SystemExit(f"error: no dev text has a translation of {settings['tokens']} tokens")


def main():
    from tfapps.bundle.bundle import Bundle
    from tfapps.config import load as configs
    from tfapps.tasks.translation import Task

    options = arguments()
    bundle = Bundle.open(Path(options.bundle))
    run = configs.load(bundle.path / "config.yaml")
    task = Task.load(run.task, bundle.path / "text")
    settings = {"start_id": task.target_tokenizer.start_id, "tokens": options.tokens}
    source, text = first_of_length(bundle, run, task, settings)
    settings |= {
        "threads": 1,
        "words": task.tokenizer.vocabulary_size,
        "width": run.model.embedding_size,
        "units": run.model.units,
        "dropout": 0.0,
        "weights": str(bundle.weights),
        "source": source,
    }
    peer = Peer(options.torch_python, "_torch_seq2seq.py", settings)
    folders = [bundle.path, *map(Path, options.others)]
    paths = [path for folder in folders for path in sorted(folder.glob("litert/*.tflite"))]
    kinds = [WholeFile if path.stem == "greedy" else File for path in paths]
    sides = [*(kind(path, settings) for kind, path in zip(kinds, paths, strict=True)), peer]
    rows = take_turns(sides, 5, options.rounds)
    peer.close()
    report = {**header(options, SETTING, sides), "text": text, "source_tokens": len(source)}
    theirs = rows[peer.name][5:]
    for side in sides:
        timed = rows[side.name][5:]
        report[side.name] = {
            "p50_ms": round(1e3 * middle(timed, "wall", 6), 2),
            "cpu_ms": round(1e3 * middle(timed, "cpu", 6), 2),
            "says_what_pytorch_says": said_by(timed) == said_by(theirs),
            "cpu_ratio": ratios(timed, theirs, "cpu"),
        }
        if side is not peer:
            report[side.name]["megabytes"] = round(side.bytes / 1e6, 2)
        print(side.name, json.dumps(report[side.name]))
    write(options.output, report)


if __name__ == "__main__":
    main()
