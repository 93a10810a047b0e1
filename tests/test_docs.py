"""What the documentation names exists."""

import ast
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from running import ROOT

from tools import blocks, reference

DOC = ROOT / "docs/explanation/architecture.md"
NAME = re.compile(r"`(tfapps(?:\.\w+)+)`")


def exists(name):
    """Whether a dotted name is a module, or a function, class, method or constant in one."""
    parts = name.split(".")
    for count in range(len(parts), 0, -1):
        path = ROOT.joinpath(*parts[:count])
        if path.is_dir() and count == len(parts):
            return True
        if path.with_suffix(".py").is_file():
            body = ast.parse(path.with_suffix(".py").read_text(encoding="utf-8")).body
            return _holds(body, parts[count:])
    return False


def _holds(body, names):
    if not names:
        return True
    for node in body:
        targets = node.targets if isinstance(node, ast.Assign) else []
        own = {getattr(node, "name", None), *(getattr(target, "id", None) for target in targets)}
        if names[0] in own:
            return _holds(getattr(node, "body", []), names[1:])
    return False


def test_every_name_in_the_architecture_exists():
    names = NAME.findall(DOC.read_text(encoding="utf-8"))
    assert len(names) > 30
    assert [name for name in names if not exists(name)] == []


@pytest.mark.parametrize("package", sorted(p.name for p in (ROOT / "tfapps").iterdir()))
def test_every_package_has_a_line_in_the_architecture(package):
    if (ROOT / "tfapps" / package / "__init__.py").is_file():
        assert f"| `{package}/` |" in DOC.read_text(encoding="utf-8")


def test_links_between_documents_lead_somewhere():
    for path in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]:
        text = path.read_text(encoding="utf-8")
        for link in re.findall(r"\]\(([\w./-]+\.md)(?:#[\w-]+)?\)", text):
            assert (path.parent / link).is_file(), f"{path.name}: {link}"


def test_the_reference_is_what_the_command_line_prints():
    for path, actual, expected in blocks.pages(reference.TOOL, reference.block):
        assert actual == expected, f"{path.name}: run `python -m tools.reference`"


def test_the_site_is_built_without_a_warning(tmp_path):
    """Each page is in the navigation, and each link leads to a page and a heading."""
    shutil.copytree(ROOT / "docs", tmp_path / "docs")
    shutil.copy(ROOT / "mkdocs.yml", tmp_path)
    zensical = Path(sys.executable).with_name("zensical")
    command = [str(zensical), "build", "--strict", "-f", "mkdocs.yml"]
    built = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert built.returncode == 0, built.stdout + built.stderr
    pages = {path.relative_to(tmp_path / "docs") for path in (tmp_path / "docs").rglob("*.md")}
    listed = re.findall(r": ([\w/]+\.md)$", (ROOT / "mkdocs.yml").read_text("utf-8"), re.M)
    assert {str(page) for page in pages} == set(listed)


@pytest.mark.parametrize(
    ("name", "available"),
    [
        ("tfapps.config", True),
        ("tfapps.config.load", True),
        ("tfapps.config.load.load", True),
        ("tfapps.tasks.base.Task.encode", True),
        ("tfapps.config.sections.ADDED", True),
        ("tfapps.config.load.nothing", False),
        ("tfapps.nothing.load", False),
        ("tfapps.tasks.base.Task.nothing", False),
    ],
)
def test_a_name_that_does_not_exist_is_found(name, available):
    assert exists(name) is available
