"""One text through LiteRT, ONNX Runtime and PyTorch: the same weights, text and threads, in turns.

    python -m venv /tmp/peers
    /tmp/peers/bin/pip install -r benchmarks/requirements.txt
    python benchmarks/inference.py --peers-python /tmp/peers/bin/python

A classifier over 77 classes on the minilm_l6 weights. Our files have static lengths and read all of
the least that holds the text; the peers read what there is, so a text that fills the longest and a
short one are both timed.
`dynamic` has 8-bit weights and float values between the layers on every side.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
from _versus import HERE, Peer, header, middle, ratios, take_turns, write

import tfapps  # noqa: F401 - chooses the backend of Keras

VOCABULARY, CLASSES = 30522, 77
SETTING = ("length", "lengths", "tokens", "threads", "rounds")
ENGINES = {
    "onnxruntime": {"engine": "onnx", "precision": "float32"},
    "onnxruntime_dynamic": {"engine": "onnx", "precision": "int8"},
    "pytorch": {"engine": "torch", "precision": "float32"},
    "pytorch_dynamic": {"engine": "torch", "precision": "int8"},
}
PAIRS = (
    ("litert_float32", "onnxruntime"),
    ("litert_float32", "pytorch"),
    ("litert_dynamic", "onnxruntime_dynamic"),
    ("litert_dynamic", "pytorch_dynamic"),
    ("litert_int8", "onnxruntime_dynamic"),
)
NAMES = tuple(dict.fromkeys(own for own, _ in PAIRS))


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--peers-python", required=True, help="of benchmarks/requirements.txt")
    parser.add_argument("--length", type=int, default=64, help="that our files are made for")
    parser.add_argument("--lengths", type=int, nargs="*", default=[16, 32], help="shorter ones")
    parser.add_argument("--tokens", type=int, nargs="+", default=[64, 16], help="of the texts")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--rounds", type=int, default=60)
    parser.add_argument("--warmup", type=int, default=10)
    parser.add_argument("--output", type=Path, default=HERE / "results/inference.json")
    return parser.parse_args()


def files(
    folder, kernel, length, shorter=(), names=NAMES, preset="minilm_l6", size=VOCABULARY, rows=64
):
    """Export artefacts of the model; `rows` of them calibrate the integers."""
    import keras

    from tfapps.export import litert
    from tfapps.layers.linear import Linear
    from tfapps.models import bert

    config = bert.Config(preset=str(preset), max_length=length)

    def rebuild(batch_size=None, length=None):
        encoder = bert.build(config, vocabulary_size=size, batch_size=batch_size, length=length)
        bert.load_pretrained(config, encoder)
        head = Linear(CLASSES, name="head")
        model = keras.Model(encoder.input, head(encoder.output["pooled"]))
        head.kernel.assign(kernel)
        return model

    draw = np.random.default_rng(1)
    texts = {"token_ids": draw.integers(1000, size, (rows, length), dtype="int32")}
    texts |= {"padding_mask": np.ones_like(texts["token_ids"])}
    texts |= {"segment_ids": np.zeros_like(texts["token_ids"])}
    settings = {"max_length": length, "lengths": shorter, "calibration": [texts]}
    litert.export(names, rebuild=rebuild, folder=folder, **settings)
    return {name: folder / "litert" / f"{name[7:]}.tflite" for name in names}


class Ours:
    """One of our files."""

    def __init__(self, name, path, arrays, length, threads):
        import ai_edge_litert

        from tfapps.backends.litert import LiteRT
        from tfapps.features.feature import tokens
        from tfapps.forms.single import Form
        from tfapps.tasks.classification import Task

        self.name = name
        self.versions = {"ai_edge_litert": ai_edge_litert.__version__}
        features = tokens("token_ids", "padding_mask", "segment_ids")
        self.run = Form(LiteRT(path, threads), features, Task)
        room = ((0, 0), (0, length - arrays["ids"].shape[1]))
        ids, mask = (np.pad(arrays[key], room) for key in ("ids", "mask"))
        self.inputs = {"token_ids": ids, "padding_mask": mask, "segment_ids": np.zeros_like(ids)}

    def __call__(self):
        cpu, wall = time.process_time(), time.perf_counter()
        logits = self.run(self.inputs)
        spent = {"cpu": time.process_time() - cpu, "wall": time.perf_counter() - wall}
        return {**spent, "logits": logits[0].tolist()}


def compared(options, folder, ours, kernel, tokens, threads):
    """Return what every side takes for a text of so many tokens on so many threads."""
    draw = np.random.default_rng(0)
    ids = draw.integers(1000, VOCABULARY, (1, tokens), dtype="int32")
    arrays = {"ids": ids, "mask": np.ones_like(ids), "kernel": kernel}
    data = folder / f"{tokens}.npz"
    np.savez(data, **arrays)
    from tfapps.presets.presets import locate

    common = {"threads": threads, "data": str(data), "work": str(folder), "classes": CLASSES}
    common["folder"] = str(locate("minilm_l6"))
    sides = [Ours(name, path, arrays, options.length, threads) for name, path in ours.items()]
    for name, engine in ENGINES.items():
        sides.append(Peer(options.peers_python, "_serving_peer.py", {**common, **engine}))
        sides[-1].name = name
    rows = take_turns(sides, options.warmup, options.rounds)
    for side in sides[len(ours) :]:
        side.close()
    rows = {name: timed[options.warmup :] for name, timed in rows.items()}
    exact = np.array(rows["pytorch"][0]["logits"])
    report = {"tokens": tokens, "threads": threads, "sides": {}, "ratios": {}}
    for name, timed in rows.items():
        report["sides"][name] = {
            "cpu_ms": round(1e3 * middle(timed, "cpu", 7), 2),
            "wall_ms": round(1e3 * middle(timed, "wall", 7), 2),
            "logits_from_pytorch": round(float(np.abs(timed[0]["logits"] - exact).max()), 5),
        }
    for own, theirs in PAIRS:
        report["ratios"][f"{own} / {theirs}"] = {
            key: ratios(rows[own], rows[theirs], key) for key in ("cpu", "wall")
        }
    return report, sides


def main():
    options = arguments()
    kernel = np.random.default_rng(2).normal(0, 0.05, (384, CLASSES)).astype("float32")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        ours = files(folder, kernel, options.length, options.lengths)
        settings = [(tokens, n) for tokens in options.tokens for n in options.threads]
        results = [compared(options, folder, ours, kernel, *setting) for setting in settings]
    report = header(options, SETTING, results[0][1])
    report["results"] = [result for result, _ in results]
    for result in report["results"]:
        print(result["tokens"], "tokens,", result["threads"], "threads", result["sides"])
        print(result["ratios"])
    write(options.output, report)


if __name__ == "__main__":
    main()
