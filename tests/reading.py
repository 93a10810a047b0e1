"""A reader who does what a page of the documentation says, with tiny models on toy data."""

import re

import yaml
from running import ROOT, eagerly, tfapps
from shrinking import options, small

from tfapps.cli import main
from tfapps.config import load

LABELS = {"parcel": "delivery", "card": "payment", "coat": "returns"}
COLUMNS = {"text": "message", "label": "topic"}
PAIR = {"text": "first", "text_pair": "second", "label": "topic"}
MODEL = {"name": "bert", "size": "tiny", "layers": 1, "max_length": 12}
LORA = {"name": "lora", "rank": 2, "store": "delta"}
SEARCH = {"name": "random", "trials": 2, "space": {"train.learning_rate": [1e-3, 2e-3]}}


def _own(file="tickets.csv", **more):
    """Return a config of the reader."""
    return {
        "task": {"name": "classification"},
        "data": {"source": "csv", "train": file, "dev": 0.2, **COLUMNS},
        "model": MODEL,
        "text": {"vocabulary_size": 120, "min_frequency": 1},
        "train": {"epochs": 3, "batch_size": 16},
        "export": ["litert_dynamic", "litert_int8"],
        **more,
    }


def _tuned(seed):
    model = {"name": "bert", "preset": "saved_models/tickets", "max_length": 12}
    raw = _own(model=model, tuning=LORA, seed=seed, split_seed=13, export=[])
    del raw["text"]
    return raw


# Configs that a page takes for written by its reader, or by `tfapps init` for real models.
OWN = {
    "tickets": _own(search=SEARCH),
    "tickets_small": _own(seed=1),
    "tickets_voting": _own(ensemble={"name": "voting", "members": 2}),
    "support": _own("support.csv"),
    "support_large": _own("support.csv", seed=1),
    "my": _own(),
    "configs/mine": _own(search=SEARCH),
    "intents_lora": _tuned(1),
    "sentiment_lora": _tuned(2),
    "topics_lora": _tuned(3),
    "pairs": _own(data={"source": "csv", "train": "pairs.csv", "dev": 0.2, **PAIR}),
}
SIZED = ("litert_dynamic", "litert_int8", "litert_int4", "litert_float32")  # one is enough


def _table(path, columns, count):
    """Write rows of a text about a thing, and the label of the thing."""
    lines = [",".join(columns)]
    for i in range(count):
        thing = list(LABELS)[i % 3]
        texts = [f"where is the {thing} number {i}"] * (len(columns) - 1)
        lines.append(",".join([*texts, LABELS[thing]]))
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


class Broken(Exception):
    """A command that fails."""


class Reader:
    """Someone in a folder.

    Attributes:
        folder: with the files that the pages name.
    """

    def __init__(self, folder):
        self.folder = folder
        for name in ("tickets", "support", "new", "other"):
            _table(folder / f"{name}.csv", ["message", "topic"], 60)
        _table(folder / "pairs.csv", ["first", "second", "topic"], 60)
        texts = "".join(f"where is the {thing}\n" for thing in LABELS)
        for name in ("new_texts.txt", "texts/part-0.txt", "texts/part-1.txt"):
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_text(texts, encoding="utf-8")
        (folder / "configs").mkdir()

    def does(self, command):
        """Run a command of a page, after what it presumes."""
        words = self.at_tiny_size(command.words)
        arguments = main._parsed(words)
        named = [
            *(getattr(arguments, "also", None) or []),
            *(getattr(arguments, "runs", None) or []),
        ]
        if hasattr(arguments, "config"):
            self.has_config(arguments.config)
        if hasattr(arguments, "run"):
            named.append(arguments.run)
        if arguments.verb in ("compress", "export"):
            named.append(arguments.config)
        for run in [*named, *re.findall(r"preset=(saved_models/\w+)", command.line)]:
            self.has_run(run.rpartition("/")[2].removesuffix(".yaml"))
        return self.types(words, re.search(r"\s<\s(\S+)", command.line))

    def at_tiny_size(self, words):
        """Return the words that fit toy data, of which there is little, and tiny configs.

        These have a `model.size`, also where the shipped one has a preset.
        """
        fitting = [word.replace("$PWD", str(self.folder)) for word in words]
        fitting = ["data.shots=10" if word.startswith("data.shots=") else word for word in fitting]
        if any(word.startswith("model.preset=") for word in words):
            fitting = [*dict.fromkeys([*fitting, "model.size=null"])]
        return fitting

    def types(self, words, redirected=None):
        """Run the command line.

        Raises:
            Broken: it did not end with 0.
        """
        text = (self.folder / redirected[1]).read_text("utf-8") if redirected else None
        with eagerly():
            done = tfapps(*words, cwd=self.folder, stdin=text)
        if done.returncode:
            raise Broken(f"tfapps {' '.join(words)}\n{done.stdout[-800:]}\n{done.stderr[-3000:]}")
        return done

    def has_config(self, path):
        """Write the config of the reader, or a shipped one at tiny size."""
        target, name = self.folder / path, path.removesuffix(".yaml")
        if name in OWN:
            target.write_text(yaml.safe_dump(OWN[name]), encoding="utf-8")
            for needed in re.findall(r"saved_models/(\w+)", str(OWN[name])):
                self.has_run(needed)
        elif (ROOT / path).exists() and not target.exists():
            raw = yaml.safe_load((ROOT / path).read_text(encoding="utf-8"))
            artifact = [name for name in SIZED if name in raw.get("export", [])][:1]
            shrunk = [*options(self.folder, raw), *small(raw)[1:], f"export={artifact}"]
            text = load.dump(load.load(ROOT / path, shrunk))
            target.write_text(text, encoding="utf-8")

    def has_run(self, name):
        """Train a run that a command reads, unless there is one."""
        if (self.folder / "saved_models" / name).exists():
            return
        path = f"{name}.yaml" if name in OWN else f"configs/{name}.yaml"
        self.has_config(path)
        self.types(["run", path])
