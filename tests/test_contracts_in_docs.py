"""The tables of contracts in docs/ are made from the docstrings of the classes."""

import importlib
import inspect

import pytest

from tfapps import registry
from tools import blocks, contracts


def of_kind(kind):
    """The contract of a kind of plug-ins."""
    return getattr(importlib.import_module(f"{registry.KINDS[kind]}.base"), kind.capitalize())


CONTRACTS = {kind: of_kind(kind) for kind in registry.KINDS}


def test_the_tables_are_those_of_the_classes():
    for path, actual, expected in blocks.pages(contracts.TOOL, contracts.block):
        assert actual == expected, f"{path.name}: run `python -m tools.contracts`"


def test_every_contract_has_a_table():
    assert set(contracts.contracts()) == set(CONTRACTS.values())


@pytest.mark.parametrize("kind", CONTRACTS)
def test_every_member_is_in_the_table(kind):
    contract = CONTRACTS[kind]
    names = {n for names in contracts.attributes(contract) for n in names.split(", ")}
    annotated = {name for name in contract.__annotations__ if not name.startswith("_")}
    assert names == annotated
    hooks = contracts.table(contract).partition("| hook |")[2]
    for name in contracts.members(contract).keys() - annotated:
        assert name.startswith("_") or f"{name}(" in hooks or f"`{name}`" in hooks, name


@pytest.mark.parametrize("kind", CONTRACTS)
def test_every_plugin_has_all_that_its_contract_requires(kind):
    for name in registry.names(kind):
        plugin = registry.plugin(kind, name)
        assert issubclass(plugin, CONTRACTS[kind])
        assert not inspect.isabstract(plugin), name


@pytest.mark.parametrize("kind", CONTRACTS)
def test_no_plugin_has_a_hook_that_its_contract_lacks(kind):
    for name in registry.names(kind):
        public = {member for member in vars(registry.plugin(kind, name)) if member[0] != "_"}
        if kind != "task":  # whose helpers of its own are methods as well
            assert public <= set(dir(CONTRACTS[kind])), name


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
