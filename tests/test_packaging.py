"""The package: what is declared, what is imported, and what a missing extra is answered with."""

import ast
import importlib.metadata
import re
import sys
import tomllib
from unittest import mock

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from running import ROOT, TINY, tfapps

import tfapps as package
from tfapps import extras
from tfapps.errors import InputError
from tfapps.version import VERSION

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"]
USERS = {
    *("tensorflow", "keras", "keras-nlp", "tensorflow-datasets"),
    *("tensorflow-model-optimization", "sacrebleu"),
}
# Numbered by date; and one that later versions work with too, of which the tested one is smallest.
ENDS = {"regex": None, "huggingface-hub": "3"}
# A package that brings the module of another one.
BROUGHT = {"keras_hub": "keras-nlp"}


def lines(name):
    """The requirements of a file, by canonical name."""
    rows = (ROOT / name).read_text(encoding="utf-8").splitlines()
    parsed = [Requirement(row) for row in rows if row and not row.startswith("#")]
    return {canonicalize_name(one.name): one for one in parsed}


def names(rows):
    return {canonicalize_name(Requirement(row).name) for row in rows}


def third_party():
    """Every module from outside that tfapps imports, with a file that does."""
    path_of = {}
    for path in sorted((ROOT / "tfapps").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and not node.level:
                modules = [node.module]
            for module in modules:
                path_of.setdefault(module.partition(".")[0], path.relative_to(ROOT))
    return {m: p for m, p in path_of.items() if m not in {*sys.stdlib_module_names, "tfapps"}}


def test_requirements_are_those_of_the_package():
    rows = [
        *PROJECT["dependencies"],
        *(row for e in ("train", "text", "search") for row in EXTRAS[e]),
    ]
    written = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    assert sorted(row for row in written if not row.startswith("#")) == sorted(rows)
    assert names(rows) >= USERS


def test_ranges_start_at_the_tested_version_and_end_before_the_next_major_one():
    tested = lines("constraints.txt")
    rows = [*PROJECT["dependencies"], *(row for name in EXTRAS for row in EXTRAS[name])]
    for requirement in map(Requirement, rows):
        if requirement.name == "tfapps":
            continue
        (pin,) = tested[canonicalize_name(requirement.name)].specifier
        bounds = {bound.operator: bound.version for bound in requirement.specifier}
        assert bounds.pop(">=") == pin.version, requirement
        major = int(pin.version.partition(".")[0])
        end = ENDS.get(requirement.name, str(major + 1))
        assert bounds == ({} if end is None else {"<": end}), requirement


def test_every_import_is_of_a_declared_package():
    by_module = importlib.metadata.packages_distributions()
    extra_of = {module: extra for extra, modules in extras.MODULES.items() for module in modules}
    base = names(PROJECT["dependencies"])
    undeclared = []
    for module, path in third_party().items():
        distributions = {canonicalize_name(name) for name in by_module.get(module, ())}
        distributions |= {BROUGHT[module]} if module in BROUGHT else set()
        declared = names(EXTRAS[extra_of[module]]) if module in extra_of else base
        if not distributions & declared:
            undeclared.append(f"{path} imports {module}")
    assert undeclared == []
    assert set(extra_of) <= set(third_party())


def test_everything_is_in_the_extra_all():
    (whole,) = map(Requirement, EXTRAS["all"])
    assert whole.extras == set(EXTRAS) - {"all", "dev"}


@pytest.mark.parametrize(
    ("module", "command"),
    [
        ("keras.ops", 'pip install "tfapps[train]"'),
        ("apache_beam", 'pip install "tfapps[beam]"'),
        ("numpy", None),
        ("tfapps.nowhere", None),
    ],
)
def test_the_extra_of_a_module(module, command):
    assert extras.install_command(module) == command


def test_a_missing_extra_is_bad_input_in_one_line(tmp_path):
    (tmp_path / "tiny.yaml").write_text(TINY, encoding="utf-8")
    with mock.patch.dict(sys.modules, keras=None):
        done = tfapps("run", "tiny.yaml", cwd=tmp_path)
    assert done.returncode == 2
    expected = 'error: this needs keras, which is not installed; run: pip install "tfapps[train]"\n'
    assert done.stderr == expected


@pytest.mark.parametrize("name", ["litert_float32", "float32"])
def test_a_litert_file_answers_without_keras(workplace, name, monkeypatch):
    monkeypatch.setitem(sys.modules, "keras", None)
    done = tfapps("predict", "tiny", "a saw", "--artifact", name, cwd=workplace)
    assert (done.returncode, done.stderr) == (0, "")
    monkeypatch.chdir(workplace)
    assert package.load("tiny", name).artifact == "litert_float32"


def test_a_missing_module_of_no_extra_is_a_fault():
    with pytest.raises(ModuleNotFoundError), extras.explained():
        import tfapps.nowhere  # noqa: F401
    with pytest.raises(InputError, match=r"needs sklearn, .*tfapps\[train\]"), extras.explained():
        raise ModuleNotFoundError(name="sklearn.metrics")


def test_the_version_is_the_same_everywhere(capsys):
    from tfapps.cli.main import main

    with pytest.raises(SystemExit) as stop:
        main(["--version"])
    assert stop.value.code == 0
    assert capsys.readouterr().out == f"tfapps {VERSION}\n"
    assert package.__version__ == VERSION
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert f"\nversion: {VERSION}\n" in citation
    assert re.search(rf"^## \[{re.escape(VERSION)}\]", (ROOT / "CHANGELOG.md").read_text(), re.M)


def test_ruff_is_of_one_version():
    hooks = (ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8")
    assert f"rev: v{next(iter(lines('constraints.txt')['ruff'].specifier)).version}\n" in hooks
