"""The laws of `docs/explanation/architecture.md`: each names its tests; some of them are here."""

import ast
import json
import re

import pytest
from running import ROOT, copied, tfapps

from tfapps.stages import verify

TABLE = ROOT / "docs/explanation/architecture.md"
LAW = re.compile(r"^(\d+)\. \*\*(.+?)\*\*", re.MULTILINE)
TEST = re.compile(r"`(test_\w+)::(test_\w+)`")
SOURCES = sorted((ROOT / "tfapps").rglob("*.py"))


def laws():
    """(number, name, [(file, test)]) of each law."""
    text = TABLE.read_text(encoding="utf-8").partition("## The laws\n")[2].partition("\n## ")[0]
    for line in filter(LAW.match, text.splitlines()):
        yield *LAW.match(line).groups(), TEST.findall(line)


def test_there_are_twelve_laws():
    assert [int(number) for number, _, _ in laws()] == list(range(1, 13))


@pytest.mark.parametrize(("name", "tests"), [law[1:] for law in laws()])
def test_every_law_is_held_by_tests(name, tests):
    assert tests, name
    for file, test in tests:
        body = ast.parse((ROOT / "tests" / f"{file}.py").read_text(encoding="utf-8")).body
        assert test in {getattr(node, "name", None) for node in body}, f"{file}: {test}"


UPDATE = re.compile(r"optimizer\.(?:apply|apply_gradients|minimize)\(|\.train_on_batch\(")


def test_weights_are_updated_in_one_place():
    updating = {
        path.relative_to(ROOT).as_posix()
        for path in SOURCES
        if UPDATE.search(path.read_text(encoding="utf-8"))
    }
    assert updating == {"tfapps/train/step.py"}


def takes_config(source):
    """Classes whose constructor takes a config."""
    return [
        node.name
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.ClassDef)
        for method in node.body
        if isinstance(method, ast.FunctionDef) and method.name == "__init__"
        for argument in (*method.args.args, *method.args.kwonlyargs)
        if "config" in ast.unparse(argument).lower()
    ]


def test_layers_take_flat_arguments():
    layers = [path for path in SOURCES if path.parent.name == "layers"]
    assert len(layers) > 20
    assert [name for path in layers for name in takes_config(path.read_text("utf-8"))] == []
    assert takes_config("class A:\n def __init__(self, how: RunConfig): pass") == ["A"]


def test_tokenizers_are_made_in_one_package():
    makes = re.compile(r"^\s*(?:import tokenizers|from tokenizers)", re.MULTILINE)
    packages = {
        path.relative_to(ROOT / "tfapps").parts[0]
        for path in SOURCES
        # Programs of clients run without tfapps: they are what our answers are compared with.
        if path.parent.name != "programs" and makes.search(path.read_text(encoding="utf-8"))
    }
    assert packages == {"text"}


def test_every_result_states_its_command():
    for path in sorted((ROOT / "benchmarks/results").glob("*.json")):
        result = json.loads(path.read_text(encoding="utf-8"))
        for part in [result] if "command" in result else result.values():
            assert part["command"], path.name


def test_a_file_that_differs_from_the_model_fails(workplace, monkeypatch):
    copied(workplace, "differs")
    rebuild = verify.rebuild

    def other(*arguments):
        model = rebuild(*arguments)
        head = model.get_layer("head")
        head.set_weights([-weight for weight in head.get_weights()])
        return model

    monkeypatch.setattr(verify, "rebuild", other)
    config = (workplace / "tiny.yaml").read_text(encoding="utf-8")
    (workplace / "differs.yaml").write_text(config, encoding="utf-8")
    done = tfapps("verify", "differs.yaml", cwd=workplace)
    assert done.returncode == 1
    bundle = workplace / "saved_models/differs"
    proof = json.loads((bundle / "verify.json").read_text(encoding="utf-8"))
    for name in ("saved_model", "litert_float32"):
        assert name in done.stderr
        assert proof[name]["agreement"] < 0.5
    assert "verify" not in json.loads((bundle / "manifest.json").read_text("utf-8"))["stages"]
