"""What a text costs by its number of tokens: our files, each made for one length, and ONNX Runtime.

    python -m venv /tmp/peers
    /tmp/peers/bin/pip install -r benchmarks/requirements.txt
    python benchmarks/lengths.py --peers-python /tmp/peers/bin/python
    python -m tools.tables

The classifier of inference.py with a vocabulary of 2,000 entries, which takes as long and is
converted sooner; `litert_int8`, which is not, has the lengths of the comparison alone. All sides
take turns, on one thread. The results of other processors stay in the result file.
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
from pathlib import Path

import inference
import numpy as np
from _versus import HERE, Peer, header, processor, ratios, take_turns, write

from tfapps.backends import tiles

VOCABULARY = 2000
SETTING = ("tokens", "against", "rounds")
STEADY = ("litert_float32", "litert_dynamic")
PAIRS = [pair for pair in inference.PAIRS if pair[1].startswith("onnxruntime")]
STEPS = (6, 7, 8, 12, 16, 18, 24, 30, 32, 36, 48, 60, 63, 64, 66, 96, 128)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--peers-python", required=True, help="of benchmarks/requirements.txt")
    parser.add_argument("--tokens", type=int, nargs="+", default=STEPS, help="of our files")
    parser.add_argument("--against", type=int, nargs="+", default=[8, 16, 32, 64, 128])
    parser.add_argument("--rounds", type=int, default=60)
    parser.add_argument("--warmup", type=int, default=5)
    parser.add_argument("--folder", type=Path, help="of exported files, which are used again")
    parser.add_argument("--output", type=Path, default=HERE / "results/lengths.json")
    return parser.parse_args()


def small_preset(folder):
    """Write the first entries of minilm_l6 as a preset of its own."""
    from safetensors.numpy import load_file, save_file

    from tfapps.presets.presets import locate

    source, target = locate("minilm_l6"), folder / "preset"
    target.mkdir(exist_ok=True)
    weights = load_file(source / "model.safetensors")
    name = next(key for key in weights if key.endswith("word_embeddings.weight"))
    weights[name] = weights[name][:VOCABULARY].copy()
    save_file(weights, target / "model.safetensors", {"format": "pt"})
    config = json.loads((source / "config.json").read_text(encoding="utf-8"))
    text = json.dumps({**config, "vocab_size": VOCABULARY})
    (target / "config.json").write_text(text, encoding="utf-8")
    shutil.copy(source / "vocab.txt", target)
    return target


def texts(folder, kernel, tokens):
    """Return the arrays of a text of so many tokens, and the file that a peer reads them from."""
    draw = np.random.default_rng(0)
    ids = draw.integers(1000, VOCABULARY, (1, tokens), dtype="int32")
    arrays = {"ids": ids, "mask": np.ones_like(ids), "kernel": kernel}
    np.savez(folder / f"{tokens}.npz", **arrays)
    return arrays, folder / f"{tokens}.npz"


def exported(folder, kernel, tokens, names, preset):
    """Return our files for a length, exported if they are not there yet."""
    target = folder / str(tokens)
    paths = {name: target / "litert" / f"{name.removeprefix('litert_')}.tflite" for name in names}
    if not all(path.exists() for path in paths.values()):
        target.mkdir(exist_ok=True)
        settings = {"preset": preset, "size": VOCABULARY, "rows": 8}
        inference.files(target, kernel, tokens, names=names, **settings)
        print(f"exported for {tokens} tokens", flush=True)
    return paths


def sides(options, folder, kernel):
    """Return all that take turns: `<artefact> <tokens>`, `<engine> <tokens>`."""
    preset = small_preset(folder)
    ours, peers = [], []
    for tokens in sorted({*options.tokens, *options.against}):
        arrays, data = texts(folder, kernel, tokens)
        names = inference.NAMES if tokens in options.against else STEADY
        for name, path in exported(folder, kernel, tokens, names, preset).items():
            ours.append(inference.Ours(f"{name} {tokens}", path, arrays, tokens, threads=1))
        if tokens not in options.against:
            continue
        common = {"threads": 1, "data": str(data), "work": str(folder), "folder": str(preset)}
        for name in dict.fromkeys(engine for _, engine in PAIRS):
            settings = {**common, "classes": inference.CLASSES, **inference.ENGINES[name]}
            peers.append(Peer(options.peers_python, "_serving_peer.py", settings))
            peers[-1].name = f"{name} {tokens}"
    return ours, peers


def quick(rows):
    """Return the CPU milliseconds that a quarter of the rounds stay below.

    Other processes of the machine slow a round down and never speed it up.
    """
    return round(1e3 * float(np.percentile([row["cpu"] for row in rows], 25)), 3)


def by_name(rows):
    """Return {name: {tokens: CPU milliseconds}} of the rows of all sides."""
    times = {}
    for side, timed in rows.items():
        name, tokens = side.split()
        times.setdefault(name, {})[int(tokens)] = quick(timed)
    return times


def main():
    options = arguments()
    kernel = np.random.default_rng(2).normal(0, 0.05, (384, inference.CLASSES)).astype("float32")
    with tempfile.TemporaryDirectory() as name:
        folder = options.folder or Path(name)
        folder.mkdir(parents=True, exist_ok=True)
        ours, peers = sides(options, folder, kernel)
        rows = take_turns([*ours, *peers], options.warmup, options.rounds)
        for peer in peers:
            peer.close()
    rows = {name: timed[options.warmup :] for name, timed in rows.items()}
    report = header(options, SETTING, [ours[0], peers[0]])
    report["command"] = "python benchmarks/lengths.py --peers-python PYTHON"
    tile = tiles.here()
    report["tile"] = tile and tile.float32
    report["cpu_ms"] = by_name(rows)
    report["ratios"] = {
        f"{own} / {peer}": {
            n: ratios(rows[f"{own} {n}"], rows[f"{peer} {n}"], "cpu") for n in options.against
        }
        for own, peer in PAIRS
    }
    others = json.loads(options.output.read_text("utf-8")) if options.output.exists() else {}
    write(options.output, {**others, processor(): report})


if __name__ == "__main__":
    main()
