"""Broken input of every kind: one line that says what is wrong, never a traceback or half a result.

More than a thousand cases a run; what hypothesis once found stays in its own tests elsewhere.
"""

import functools
import gzip
import json
import random
import shutil
from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest
import yaml
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from running import TINY, tfapps

from tfapps.bundle.bundle import Bundle
from tfapps.config import load as configs
from tfapps.data import splits
from tfapps.data.corpora import Corpus
from tfapps.errors import InputError
from tfapps.serve.predictor import Predictor
from tfapps.text.tokenizer import Tokenizer

QUICK = {
    "deadline": None,
    "derandomize": True,
    "suppress_health_check": list(HealthCheck),
    "database": None,
}


def check_message(error):
    """An InputError says something, in lines of their own."""
    text = str(error)
    assert text.strip()
    assert "Traceback" not in text
    return text


# Configs

GOOD = {
    **yaml.safe_load(TINY),
    "tuning": {"name": "lora", "rank": 4},
    "objective": {"name": "fgm", "epsilon": 0.1},
    "compress": [{"name": "prune", "sparsity": 0.5}, {"name": "qat", "weight_bits": 8}],
    "search": {"name": "random", "trials": 3, "space": {"train.l2": [0.0, 0.1]}},
}
JUNK = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**30), 10**30),
    st.floats(),
    st.text(max_size=8),
    st.lists(st.integers(), max_size=3),
    st.dictionaries(st.text(max_size=4), st.integers(), max_size=2),
    st.sampled_from(["bert", "classification", "saved_models/x", "../../etc", "1e400", "~", "{"]),
)


def places(raw, path=()):
    """Every place in a config, as the keys that lead there."""
    pairs = raw.items() if isinstance(raw, dict) else enumerate(raw)
    for key, value in pairs:
        yield (*path, key)
        if isinstance(value, dict | list):
            yield from places(value, (*path, key))


PLACES = list(places(GOOD))


def changed(path, value, options):
    raw = json.loads(json.dumps(GOOD))
    place = raw
    for key in path[:-1]:
        place = place[key]
    if options == "remove":
        del place[path[-1]]
    elif options == "add" and isinstance(place, dict):
        place[str(value)] = value
    else:
        place[path[-1]] = value
    return raw


@settings(max_examples=350, **QUICK)
@given(st.sampled_from(PLACES), JUNK, st.sampled_from(["put", "put", "add", "remove"]))
def test_a_broken_config_is_refused(path, value, how):
    try:
        run = configs.from_dict(changed(path, value, how), "fuzz")
    except InputError as error:
        check_message(error)
    else:
        assert configs.from_dict(yaml.safe_load(configs.dump(run)), "fuzz") == run


@settings(max_examples=150, **QUICK)
@given(st.binary(max_size=6), st.integers(0, 10**6), st.booleans())
def test_a_broken_config_file_is_refused(tmp_path_factory, data, place, cut):
    path = tmp_path_factory.mktemp("config") / "fuzz.yaml"
    full = yaml.safe_dump(GOOD).encode()
    place %= len(full)
    path.write_bytes(full[:place] + data + (b"" if cut else full[place:]))
    try:
        configs.load(path)
    except InputError as error:
        check_message(error)


@settings(max_examples=80, **QUICK)
@given(st.lists(st.text(max_size=12), min_size=1, max_size=3))
def test_a_broken_override_is_refused(tmp_path_factory, overrides):
    path = tmp_path_factory.mktemp("override") / "fuzz.yaml"
    path.write_text(TINY)
    try:
        configs.load(path, overrides)
    except InputError as error:
        check_message(error)


# Data

ROWS = [(f"some text number {i}, with ümläuts", "ab"[i % 2]) for i in range(12)]


def parquet_bytes(rows):
    texts, labels = zip(*rows, strict=True)
    sink = pyarrow.BufferOutputStream()
    pyarrow.parquet.write_table(pyarrow.table({"text": texts, "label": labels}), sink)
    return sink.getvalue().to_pybytes()


SOURCES = {
    "tsv": ("text\tlabel\n" + "".join(f"{t}\t{y}\n" for t, y in ROWS), {}),
    "csv": ("text,label\n" + "".join(f'"{t}",{y}\n' for t, y in ROWS), {}),
    "jsonl": ("".join(json.dumps({"text": t, "label": y}) + "\n" for t, y in ROWS), {}),
    "conll": ("-DOCSTART- -X- O\n\n" + "Ann NNP B-PER\nruns VBZ O\n\n" * 6, {}),
    "parquet": (parquet_bytes(ROWS), {}),
    "corpus": ("One sentence.\nAnother one.\n\nA new document.\n" * 6, {}),
}
COLUMNS = {"text": "text", "label": "label"}
PACKERS = {"": bytes, ".gz": functools.partial(gzip.compress, mtime=0), ".zst": zstandard.compress}


def content_of(source):
    content = SOURCES[source][0]
    return content if isinstance(content, bytes) else content.encode()


def read(folder, source, data, ending):
    """All that a source reads of a training file."""
    name = f"train.{source}{ending}"
    (folder / name).write_bytes(data)
    (folder / "dev.txt").write_bytes(content_of(source))
    raw = {"source": source, "train": name, "dev": "dev.txt", "root": str(folder)}
    raw |= COLUMNS if source in ("tsv", "csv", "jsonl", "parquet") else {}
    task = {"conll": "tagging", "corpus": "masked_lm"}.get(source, "classification")
    run = configs.from_dict(
        {"task": {"name": task}, "data": raw, "model": {"name": "bert", "size": "tiny"}}, "fuzz"
    )
    actual = splits.load(run.data, 1)["train"]
    return [list(actual)] if isinstance(actual, Corpus) else actual


@pytest.mark.parametrize("source", SOURCES)
@settings(max_examples=70, **QUICK)
@given(st.randoms(use_true_random=False), st.sampled_from(list(PACKERS)), st.integers(1, 4))
def test_broken_data_is_refused(tmp_path_factory, source, chance, ending, times):
    data = PACKERS[ending](content_of(source))
    for _ in range(times):
        data = damaged(data, chance)
    try:
        rows = read(tmp_path_factory.mktemp("data"), source, data, ending)
    except InputError as error:
        check_message(error)
    else:
        assert rows


def damaged(data, chance):
    """Bytes changed, put in, taken out or cut off somewhere."""
    place = chance.randrange(len(data) + 1)
    options = chance.randrange(4)
    noise = bytes(chance.randrange(256) for _ in range(chance.randrange(1, 5)))
    if options == 0:
        return data[:place] + noise + data[place:]
    if options == 1:
        return data[:place] + noise + data[place + len(noise) :]
    if options == 2:
        return data[:place] + data[place + chance.randrange(1, 20) :]
    return data[:place]


# Texts


@pytest.fixture(scope="module", params=["wordpiece", "bpe", "words", "characters"])
def tokenizer(request):
    texts = [text for text, _ in ROWS]
    return Tokenizer.train(texts, request.param, 60, None, 1)


@settings(max_examples=60, **QUICK)
@given(st.lists(st.text(alphabet=st.characters(codec="utf-8"), max_size=60), min_size=1))
def test_every_text_can_be_read(tokenizer, texts):
    actual = tokenizer.encode(texts, max_length=16)
    assert len(actual.token_ids) == len(texts)
    for ids in actual.token_ids:
        assert len(ids) <= 16
        assert ids.min(initial=0) >= 0
        assert ids.max(initial=0) < tokenizer.vocabulary_size


# Runs


@pytest.fixture(scope="module")
def place(workplace, tmp_path_factory):
    """A finished run with one exported file."""
    folder = tmp_path_factory.mktemp("fuzz")
    for name in ("tiny.yaml", "train.tsv", "dev.tsv"):
        shutil.copy(workplace / name, folder)
    bundle = folder / "saved_models/tiny"
    shutil.copytree(workplace / "saved_models/tiny", bundle)
    manifest = json.loads((bundle / "manifest.json").read_text())
    others = ("saved_model/", "litert/dynamic", "litert/int8")
    manifest["files"] = {
        name: digest for name, digest in manifest["files"].items() if not name.startswith(others)
    }
    (bundle / "manifest.json").write_text(json.dumps(manifest))
    shutil.copytree(bundle, folder / "whole")
    return folder


def is_read(name):
    """Whether a file that the manifest lists is read to predict with the LiteRT file."""
    return name in ("config.yaml", "litert/float32.tflite") or name.startswith("text/")


@settings(max_examples=100, **QUICK)
@given(st.randoms(use_true_random=False))
def test_a_damaged_bundle_is_refused(place, chance):
    """By whatever reads the damaged file, and by what writes into the bundle."""
    bundle = place / "saved_models/tiny"
    names = sorted(json.loads((place / "whole/manifest.json").read_text())["files"])
    name = chance.choice([*names, "manifest.json"])
    file, data = bundle / name, (place / "whole" / name).read_bytes()
    broken = damaged(data, chance)
    try:
        if chance.random() < 0.15:
            file.unlink()
        else:
            file.write_bytes(broken)
        if file.exists() and file.read_bytes() == data:
            return
        readers = [lambda: Bundle.open(bundle).verify()]
        if is_read(name):
            readers.append(lambda: Predictor.open(bundle, "litert_float32"))
        for read in readers:
            with pytest.raises(InputError) as caught:
                read()
            assert Path(name).name in check_message(caught.value) or "manifest" in str(caught.value)
    finally:
        file.write_bytes(data)


def test_the_bundle_is_valid_after_the_damage_is_undone(place):
    assert Bundle.open(place / "saved_models/tiny").artifacts() == ["keras", "litert_float32"]


WORDS = ["tiny", "nobody", "tiny.yaml", "--json", "--rows", "0", "-1", "--artifact", "x=y", "[", ""]
VERBS = ["run", "train", "predict", "evaluate", "benchmark", "explain", "attack", "inspect", "tune"]


def test_an_invalid_command_is_refused(place):
    chance, refused = random.Random(3), 0
    for _ in range(80):
        verb = chance.choice(VERBS)
        words = [chance.choice(WORDS) for _ in range(chance.randrange(4))]
        if "tiny" in words or "tiny.yaml" in words:
            words.append("--no-such-option")
        try:
            code, error = (lambda d: (d.returncode, d.stderr))(tfapps(verb, *words, cwd=place))
        except SystemExit as stop:  # of argparse
            code, error = stop.code, ""
        assert code == 2, (verb, words, error)
        assert "Traceback" not in error
        refused += 1
    assert refused == 80
    assert sorted(path.name for path in (place / "saved_models").iterdir()) == ["tiny"]
