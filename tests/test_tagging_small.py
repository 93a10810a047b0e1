"""A tagger from its config to its files: compressed in every way, verified and queried."""

import json

import pytest
from running import tfapps

pytestmark = pytest.mark.slow

SENTENCES = 40
CONFIG = """
task: {{name: tagging, crf: true, scheme: bioes, context: 4}}
data: {{source: conll, train: train.conll, dev: dev.conll}}
model: {{name: {model}, max_length: 14{more}}}
text: {{vocabulary_size: 120, min_frequency: 1}}
train: {{epochs: 12, batch_size: 8, learning_rate: {rate}}}
compress: {compress}
export: {export}
"""
MODELS = {
    "bert": (
        ", size: tiny, case: true",
        4.0e-3,
        [
            {"name": "trim_vocabulary"},
            {"name": "prune_structured", "heads": 0.5, "units": 0.5, "epochs": 1, "distill": 0.5},
            {"name": "prune", "sparsity": 0.5, "epochs": 1},
            {"name": "qat", "epochs": 1, "distill": 0.5},
        ],
    ),
    "bilstm_cnn": (
        ", units: 16, embedding_size: 16, dropout: 0.1",
        2.0e-2,
        [{"name": "cluster", "clusters": 16, "epochs": 1}, {"name": "qat", "epochs": 1}],
    ),
}


def conll(count, start=0):
    """Names with a title in front are persons, behind "in" they are places."""
    names = ["Ann", "Bo", "Cy Dee", "Eve Fox", "Gil"]
    lines = []
    for i in range(start, start + count):
        if i % 6 == 0:
            lines += ["-DOCSTART- O", ""]
        name, place = names[i % 5].split(), names[(i * 3 + 1) % 5].split()
        tagged = [("Dr", "O"), *((word, "I-PER") for word in name), ("works", "O"), ("in", "O")]
        tagged += [*((word, "I-LOC") for word in place), (".", "O")]
        lines += [*(f"{word} {tag}" for word, tag in tagged), ""]
    return "\n".join(lines) + "\n"


@pytest.fixture(scope="module", params=MODELS)
def place(request, tmp_path_factory):
    """A folder with a finished run `small` of one of the models."""
    folder = tmp_path_factory.mktemp(request.param)
    more, rate, compress = MODELS[request.param]
    (folder / "train.conll").write_text(conll(SENTENCES))
    (folder / "dev.conll").write_text(conll(12, start=SENTENCES))
    export = ["saved_model", "litert_int8"]
    config = CONFIG.format(
        model=request.param,
        more=more,
        rate=rate,
        export=export,
        compress=json.dumps(compress),
    )
    (folder / "small.yaml").write_text(config)
    done = tfapps("run", "small.yaml", cwd=folder)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def test_the_compressed_tagger_keeps_its_f1(place):
    metrics = json.loads((place / "saved_models" / "small" / "metrics.json").read_text())
    assert metrics["headline"] == "f1"
    assert metrics["dev"]["keras"]["f1"] > 0.8
    assert metrics["dev"]["litert_int8"]["f1"] > 0.8
    taken = [note["name"] for note in metrics["compression"]]
    assert taken == [item["name"] for item in MODELS[place.name.rstrip("0123456789")][2]]


def test_predicted_entities_are_those_of_the_file(place):
    done = tfapps(
        "predict", "small", "Dr Ann works in Gil.", "--artifact", "litert_int8", cwd=place
    )
    (answer,) = map(json.loads, done.stdout.splitlines())
    actual = [(e["text"], e["label"], e["start"], e["end"]) for e in answer["entities"]]
    assert actual == [("Ann", "PER", 3, 6), ("Gil", "LOC", 16, 19)]


def test_evaluated_as_it_was_verified(place):
    done = tfapps(
        *("evaluate", "small", "--data", "dev.conll", "--json", "--artifact", "litert_int8"),
        cwd=place,
    )
    report = json.loads(done.stdout.splitlines()[-1])
    proof = json.loads((place / "saved_models" / "small" / "verify.json").read_text())
    assert report["rows"] == 12
    assert report["metrics"]["f1"] == pytest.approx(proof["litert_int8"]["metric"])


def test_a_malformed_line_is_reported_and_nothing_is_lost(place):
    before = sorted((place / "saved_models" / "small").rglob("*"))
    (place / "dev.conll").rename(place / "kept")
    (place / "dev.conll").write_text("Ann I-PER\nBo\n")
    done = tfapps("run", "small.yaml", cwd=place)
    (place / "kept").replace(place / "dev.conll")
    assert done.returncode == 2
    assert "dev.conll:2: 1 columns, expected 2 as in line 1" in done.stderr
    assert "Traceback" not in done.stderr
    assert sorted((place / "saved_models" / "small").rglob("*")) == before
