"""On real texts: the integer file of a quantized BERT is the model that was trained."""

import pytest

from tfapps.bundle.bundle import read_json
from tfapps.config import load as configs
from tfapps.stages.run import run

RAW = {
    "task": {"name": "classification"},
    "data": {
        "source": "tsv",
        "train": "sst2/train.tsv",
        "dev": "sst2/dev.tsv",
        "text": "sentence",
        "label": "label",
        "limit": 2000,
    },
    "model": {"name": "bert", "preset": "minilm_l6", "max_length": 64},
    "train": {"epochs": 1, "batch_size": 32, "learning_rate": 1.0e-4, "head_learning_rate": 1.0e-3},
    "compress": [{"name": "qat", "epochs": 0}],
    "export": ["litert_int8"],
}


@pytest.mark.slow
def test_the_integer_file_answers_as_the_quantized_model(real_data, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TFAPPS_DATA", str(real_data))
    bundle = run(configs.from_dict(RAW, "real"))
    proof = read_json(bundle.path / "verify.json")["litert_int8"]
    assert proof["agreement"] >= 0.99
    assert abs(proof["metric_drop"]) <= 0.003
    assert proof["partitions"] == 1
    assert bundle.metrics["dev"]["keras"]["accuracy"] > 0.8
