"""How small every plug-in can be: for tests that run all of them.

Models, tuners and compressors say it themselves, in `Config.tiny`. The examples of a task are in
`tests/tiny_tasks/<task>.py`: a `TINY` of the class below, found by the task's name.
"""

import functools
import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tfapps import registry

FRUIT, TOOLS = ("apple", "pear", "plum"), ("hammer", "saw", "drill")


@dataclass(frozen=True)
class Run:
    """A config that trains the task in seconds.

    Attributes:
        data: the section `data:`; its files are those of `files`.
        files: (split, number of rows) -> {file: lines}.
        task: options of the section `task:`.
        model: the section `model:`.
        after: tiny runs that are trained before, by name.
        shown: what `inspect` shows in front of the text of a row, as a regular expression.
    """

    data: Mapping[str, Any]
    files: Callable[[str, int], Mapping[str, Sequence[str]]]
    task: Mapping[str, Any] = field(default_factory=dict)
    model: Mapping[str, Any] = field(
        default_factory=lambda: {**section("model", "bert"), "max_length": 16}
    )
    after: Sequence[str] = ()
    shown: str = "(fruit|tool) <- "


@dataclass(frozen=True)
class Tiny:
    """What tests that run every task need to know about one.

    Attributes:
        examples: what a source would give, at least 24 rows that a model can learn from.
        runs: by name, which is that of the task for one of them.
        variants: options of `task:` that are tried with `examples`.
        labelled: texts -> examples of the task's form.
        options: of `task:`, that go with what is `labelled`.
        quick: options of `task:` that only save time.
        labels: of the toy rows that shipped configs with a column of labels are run on.
    """

    examples: Any
    runs: Mapping[str, Run]
    labelled: Callable[[Sequence[str]], Any]
    options: Mapping[str, Any] = field(default_factory=dict)
    variants: Sequence[Mapping[str, Any]] = ({},)
    quick: Mapping[str, Any] = field(default_factory=dict)
    labels: Sequence[Any] = ("a", "b", "c")


@functools.cache
def of(task):
    """The `Tiny` of a task."""
    return importlib.import_module(f"tiny_tasks.{task}").TINY


def section(kind, name):
    """The section of a config that selects a plug-in at its smallest."""
    return {"name": name, **registry.load(kind, name).Config.tiny}


def models(task):
    """Names of the models that go with a task."""
    kind = registry.load("task", task).Task
    classes = {name: registry.plugin("model", name) for name in registry.names("model")}
    return [
        name
        for name, model in classes.items()
        if kind.needs == model.provides and not kind.misfit(model)
    ]


def rows(count):
    """The rows of every tiny run, (label, text)."""
    built = []
    for i in range(count):
        kind, words = (("fruit", FRUIT), ("tool", TOOLS))[i % 2]
        built.append((kind, f"I want the {words[i // 2 % 3]} number {i % 9}"))
    return built
