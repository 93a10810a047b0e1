"""A bundle with a file of every kind, none of them real."""

from tfapps.bundle.bundle import write_json, writing


def fill(draft, word="first"):
    (draft.path / "config.yaml").write_text(f"name: run\nseed: 7\nnote: {word}\n")
    (draft.path / "weights.safetensors").write_bytes(b"\x00" * 1000 + word.encode())
    for name in ("text/tokenizer.json", "saved_model/saved_model.pb", "logs/events", "state/step"):
        (draft.path / name).parent.mkdir(exist_ok=True)
        (draft.path / name).write_text(word)
    (draft.path / "litert").mkdir()
    (draft.path / "litert/int8.tflite").write_text(word)
    write_json(draft.path / "metrics.json", {"headline": "accuracy", "dev": {"keras": 0.5}})
    draft.stages["train"] = word


def interrupted(path, error):
    """Write half a bundle, then raise."""
    with writing(path) as draft:
        fill(draft, "second")
        raise error


def left(path):
    return sorted(entry.name for entry in path.parent.iterdir())
