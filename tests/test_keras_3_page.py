"""The examples of docs/how_to/pruning_and_qat_in_keras_3.md run as they stand there."""

import ast
import importlib.util
import re
from pathlib import Path

import pytest
from running import ROOT

from tfapps.backends import litert

PAGE = (ROOT / "docs" / "how_to" / "pruning_and_qat_in_keras_3.md").read_text(encoding="utf-8")
TOOLKIT = "tensorflow_model_optimization"
SECTIONS = re.split(r"^## (.*)\n", PAGE, flags=re.MULTILINE)


def run(heading, folder, monkeypatch):
    """Run the program below the heading that starts so, in a folder; return its names."""
    (text,) = (
        text
        for name, text in zip(SECTIONS[1::2], SECTIONS[2::2], strict=True)
        if name.startswith(heading)
    )
    (program,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    monkeypatch.chdir(folder)
    names = {}
    exec(compile(program, heading, "exec"), names)
    return names


def holds_the_bars(names):
    """On digits: QAT in int8 loses at most 0.3 points, 80 % pruning at most 1 point."""
    file = names["report"]["int8"]
    assert file.metric >= names["pruned"] - 0.003
    assert file.drop <= 0.003
    assert file.agreement >= 0.99
    assert names["pruned"] >= names["trained"] - 0.01
    assert names["trained"] > 0.94
    assert file.partitions == 1
    kernels = [
        weight.numpy() for weight in names["small"].weights if weight.path.endswith("kernel")
    ]
    assert len(kernels) == 3
    assert all(0.79 < (kernel == 0).mean() < 0.81 for kernel in kernels)
    assert "DEQUANTIZE" not in litert.operators(file.path)[1:-1]


def test_a_dense_network(tmp_path, monkeypatch, capsys):
    names = run("A dense network", tmp_path, monkeypatch)
    holds_the_bars(names)
    header = re.search(r"^file .*$", PAGE, re.MULTILINE)[0]
    assert header.split() in [line.split() for line in capsys.readouterr().out.splitlines()]


@pytest.mark.slow
def test_a_convolutional_network(tmp_path, monkeypatch):
    names = run("A convolutional network", tmp_path, monkeypatch)
    holds_the_bars(names)
    operators = litert.operators(names["report"]["int8"].path)
    assert operators.count("CONV_2D") == 2
    assert not {"MUL", "ADD", "RELU"} & set(operators)  # folded


@pytest.mark.slow
def test_an_lstm(tmp_path, monkeypatch):
    report = run("An LSTM", tmp_path, monkeypatch)["report"]
    assert report["int8"].agreement >= 0.99
    assert "UNIDIRECTIONAL_SEQUENCE_LSTM" in litert.operators(report["int8"].path)
    assert report["int8"].bytes < report["float32"].bytes / 2
    assert report["int8"].drop <= 0.01


@pytest.mark.slow
def test_a_keras_hub_bert(tmp_path, monkeypatch):
    names = run("A KerasHub BERT", tmp_path, monkeypatch)
    report = names["report"]
    assert report["int8"].agreement >= 0.99
    assert report["int8"].bytes < report["float32"].bytes / 2
    assert report["int8"].drop <= 0.01
    assert report["int8"].metric > 0.5


def public_names(area):
    """What `from ... import` of the module's API file brings in, without importing it."""
    folder = importlib.util.find_spec(TOOLKIT).submodule_search_locations[0]
    file = Path(folder) / "python" / "core" / "api" / area / "keras" / "__init__.py"
    tree = ast.parse(file.read_text(encoding="utf-8"))
    nodes = [node for node in tree.body if isinstance(node, ast.ImportFrom)]
    return [
        alias.asname or alias.name
        for node in nodes
        for alias in node.names
        if node.module != "__future__"
    ]


@pytest.mark.parametrize(
    ("area", "known"),
    [
        ("sparsity", "prune_low_magnitude"),
        ("quantization", "quantize_model"),
        ("clustering", "cluster_weights"),
    ],
)
def test_every_public_name_of_the_toolkit_is_in_the_table(area, known):
    rows = re.findall(r"^\| (.*) \| .* \|$", SECTIONS[-1], re.MULTILINE)
    names = public_names(area)
    assert known in names
    words = set(re.findall(r"\w+", " ".join(rows)))
    assert [name for name in names if name not in words and name != "clusterable_layer"] == []
