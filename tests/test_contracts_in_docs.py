"""The tables of contracts in docs/ are made from the docstrings of the classes."""

import importlib

import pytest

from tfapps import registry
from tools import contracts


@pytest.mark.parametrize("name", contracts.PAGES)
def test_the_table_is_that_of_the_class(name):
    found, expected = contracts.page(name)
    assert found == expected, "run `python -m tools.contracts`"


@pytest.mark.parametrize(("module", "name"), contracts.PAGES.values())
def test_every_member_is_in_the_table(module, name):
    kind = getattr(importlib.import_module(module), name)
    names = {n for names in contracts.attributes(kind) for n in names.split(", ")}
    annotated = {name for name in kind.__annotations__ if not name.startswith("_")}
    assert names == annotated
    hooks = contracts.table(kind).partition("| hook |")[2]
    for name in vars(kind).keys() - annotated:
        assert name.startswith("_") or f"{name}(" in hooks or f"`{name}`" in hooks, name


@pytest.mark.parametrize("module", [module for module, _ in contracts.PAGES.values()])
def test_every_plugin_has_all_that_its_contract_requires(module):
    folder = module.rpartition(".")[0]
    (kind,) = (kind for kind, package in registry.KINDS.items() if package == folder)
    base = getattr(importlib.import_module(module), kind.capitalize())
    for name in registry.names(kind):
        plugin = registry.plugin(kind, name)
        assert issubclass(plugin, base)
        assert plugin.__abstractmethods__ == frozenset(), name


class Sample:
    """A contract.

    Attributes:
        size: how many
            there are.
    """

    size = 2

    def hook(self, a, *, b=1):
        """Do it,
        all of it.

        Args:
            a: what.
        """


def test_a_table_has_defaults_calls_and_first_paragraphs():
    lines = contracts.table(Sample).splitlines()
    assert lines[2] == "| `size` | `2` | how many there are. |"
    assert lines[-1] == "| `hook(a, b)` |  | Do it, all of it. |"
