"""The tables of contracts in docs/ are made from the docstrings of the classes."""

import pytest

from tfapps.tasks import base
from tools import contracts


@pytest.mark.parametrize("name", contracts.PAGES)
def test_the_table_is_that_of_the_class(name):
    found, expected = contracts.page(name)
    assert found == expected, "run `python -m tools.contracts`"


def test_every_member_of_a_task_is_in_the_table():
    names = {n for names in contracts.attributes(base.Task) for n in names.split(", ")}
    annotated = {name for name in base.Task.__annotations__ if not name.startswith("_")}
    assert names == annotated
    hooks = contracts.table(base.Task).partition("| hook |")[2]
    for name in vars(base.Task).keys() - annotated:
        assert name.startswith("_") or f"{name}(" in hooks or f"`{name}`" in hooks, name


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
