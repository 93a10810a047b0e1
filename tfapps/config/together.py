"""Check that the parts of a config fit together; problems are returned as texts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import ModuleType
from typing import Any

from tfapps import registry


def problems(
    built: Mapping[str, Any],
    modules: Mapping[str, ModuleType | None],
    compressors: Mapping[str, ModuleType | None],
) -> list[str]:
    """Check that sections which are valid alone fit together; None is a reported problem.

    Args:
        built: the section of each name.
        modules: the plug-ins of `task`, `model`, `objective`, `tuning` and `ensemble`.
        compressors: those of `compress`, by `compress[0]` and so on.
    """
    task, model_kind, tuner = modules["task"], modules["model"], modules["tuning"]
    section, train = built["task"], built["train"]
    misfits = []
    if task and model_kind:
        misfits += model(task, model_kind)
        misfits += artifacts(task, built["export"], built["compress"])
    if task and built["objective"]:
        misfits += teachers(task, built["objective"], built["compress"])
    if task and train:
        misfits += class_weights(task, train)
    if task and built["tuning"]:
        misfits += head_alone(task, built["tuning"])
    if task and section and train:
        misfits += untrained(task, section, train)
        misfits += per_label(task, section, train, built["objective"])
    if task and section:
        misfits += probabilities(task, section, built["probabilities"])
    if task and section and modules["ensemble"]:
        misfits += ensemble(modules["ensemble"], task, section)
    if task and section and modules["objective"]:
        misfits += vectors(modules["objective"], task, section)
    if task and built["model"]:
        if train:
            misfits += short_first(task, built["model"], train)
        misfits += lengths(task, built["model"], built["lengths"])
    if built["model"] and built["tuning"]:
        misfits += delta(built["model"], built["tuning"])
    for name in ("objective", "tuning"):
        if task and modules[name]:
            misfits += form(name, modules[name], task)
    for name, plugin in ({"tuning": tuner} | compressors).items():
        if plugin and model_kind:
            misfits += parts(name, plugin, model_kind)
    return misfits


def model(task: ModuleType, model: ModuleType) -> list[str]:
    """Check that the model provides what the task needs."""
    needs = task.Task.needs
    if needs == model.Model.provides:
        reason = task.Task.misfit(model.Model)
        misfit = f"model.name: {_name(model)!r} does not go with task {_name(task)!r}: {reason}"
        return [misfit] if reason else []
    modules = {name: registry.load("model", name) for name in registry.names("model")}
    fitting = [name for name, module in modules.items() if needs == module.Model.provides]
    return [
        f"model.name: {_name(model)!r} provides {model.Model.provides}, but task {_name(task)!r} "
        f"needs {needs}; models that fit: {', '.join(fitting) or 'none'}"
    ]


def form(section: str, part: ModuleType, task: ModuleType) -> list[str]:
    """Check that an objective or a tuner for tasks of one form gets such a task."""
    needs = task.Task.needs
    needed_form = registry.class_of(part).needs
    if needed_form in (None, needs):
        return []
    modules = {name: registry.load("task", name) for name in registry.names("task")}
    fitting = [name for name, module in modules.items() if needed_form == module.Task.needs]
    return [
        f"{section}.name: {_name(part)!r} is for tasks that need {needed_form} models, but "
        f"{_name(task)!r} needs {needs}; tasks that fit: {', '.join(fitting)}"
    ]


def parts(section: str, plugin: ModuleType, model: ModuleType) -> list[str]:
    """Check that the model has the part that a tuner or a compressor works on."""
    needed_part = registry.class_of(plugin).needs_part
    if needed_part is None or needed_part in model.Model.parts:
        return []
    modules = {name: registry.load("model", name) for name in registry.names("model")}
    fitting = [name for name, module in modules.items() if needed_part in module.Model.parts]
    return [
        f"{section}: {_name(plugin)} works on {needed_part}, which model {_name(model)!r} "
        f"does not have; models that have it: {', '.join(fitting)}"
    ]


def ensemble(module: ModuleType, task: ModuleType, section: Any) -> list[str]:
    """Check that the answers are classes, unless the ensemble averages weights."""
    kind = registry.class_of(module)
    if kind.averages_weights:
        return []
    if not task.Task.comparable:
        return [
            f"ensemble: {_name(module)} combines answers of classification, not of "
            f"{_name(task)}; use `ensemble: {{name: soup}}`"
        ]
    if kind.learns and section.multi_label:
        return [
            f"ensemble: {_name(module)} needs one right class a text; use voting or bagging with "
            "task.multi_label"
        ]
    return []


def delta(model: Any, tuning: Any) -> list[str]:
    """Check that there is a preset where only the changes to it are stored."""
    if not tuning.keeps_delta or registry.plugin("model", model.name).preset(model):
        return []
    return [
        "tuning.store: got delta, which needs the weights it was learned beside, but there is no "
        "model.preset; set one, or store: weights"
    ]


def head_alone(task: ModuleType, tuning: Any) -> list[str]:
    """Check that a task has a head where only the head trains."""
    if task.Task.heads or not tuning.head_alone:
        return []
    return [
        f"tuning: {tuning.name} with these settings trains the head alone, but {_name(task)} has "
        "no newly initialized layer, so there is nothing to train; use another tuning.name"
    ]


def class_weights(task: ModuleType, train: Any) -> list[str]:
    """Check that a task has classes where class weights are set."""
    if train.class_weights == "none" or task.Task.classifies:
        return []
    return [
        f"train.class_weights: got {train.class_weights}, but {_name(task)} has no classes of "
        "texts to weigh; leave it out"
    ]


def untrained(task: ModuleType, section: Any, train: Any) -> list[str]:
    """Check that something else sets the head of a run without an epoch."""
    if train.epochs or task.Task.ready(section):
        return []
    return [
        f"train.epochs: got 0, but nothing else sets the head of this {_name(task)} run; expected "
        "1 or more, or for classification task.head_start"
    ]


def per_label(task: ModuleType, section: Any, train: Any, objective: Any) -> list[str]:
    """Check that rows have one label and batches room where rows are grouped by label."""
    if train.per_label is None:
        return []
    got = f"train.per_label: got {train.per_label}, "
    if not task.Task.one_label(section):
        return [f"{got}but {_name(task)} has not just one label a text; leave it out"]
    if train.batch_tokens is not None:
        return [f"{got}which needs batches of as many rows; leave train.batch_tokens out"]
    if train.batch_size % train.per_label:
        return [f"{got}expected a divisor of train.batch_size, {train.batch_size}"]
    kind = registry.plugin("objective", objective.name)
    if kind.unlabelled(objective) or kind.augment(objective):
        return [f"{got}but objective.{objective.name} adds texts without labels; leave one out"]
    return []


def vectors(objective: ModuleType, task: ModuleType, section: Any) -> list[str]:
    """Check that an objective which compares texts by label gets one label a text."""
    if not registry.class_of(objective).compares_vectors:
        return []
    if task.Task.vector_layer is not None and task.Task.one_label(section):
        return []
    return [
        f"objective.name: {_name(objective)!r} compares texts by their one label, which "
        f"{_name(task)} does not have here; expected classification or prompt without multi_label"
    ]


def teachers(task: ModuleType, objective: Any, compress: Sequence[Any]) -> list[str]:
    """Check that a student whose tokenizer changes learns from the classes of its teachers only."""
    items = [item for item in compress if item is not None]
    kind = registry.plugin("objective", objective.name)
    by_answers = task.Task.comparable and not kind.follows_blocks(objective)
    if by_answers or not kind.teachers(objective):
        return []
    for place, item in enumerate(items):
        learns = any(later.model_dump().get("epochs", 0) for later in items[place:])
        if registry.plugin("compressor", item.name).retokenizes and learns:
            return [
                f"compress[{place}]: {item.name} changes the tokenizer, but for {_name(task)} with "
                "these settings of objective the student needs that of its teacher; leave one out"
            ]
    return []


def short_first(task: ModuleType, model: Any, train: Any) -> list[str]:
    """Check that `short_first` gets running text and a length below the model's."""
    if train.short_first is None:
        return []
    if not task.Task.running_text:
        return [
            f"train.short_first: got {train.short_first}, but {_name(task)} learns from whole "
            "texts; leave it out, or use train.batch_tokens"
        ]
    if train.short_first >= model.max_length:
        return [
            f"train.short_first: got {train.short_first}, expected less than model.max_length, "
            f"{model.max_length}"
        ]
    return []


def lengths(task: ModuleType, model: Any, shorter: Sequence[int | None]) -> list[str]:
    """Check that a file of several lengths answers in one call, row by row.

    Args:
        shorter: lengths, None for one that is a problem already.
    """
    form = registry.plugin("form", task.Task.form)
    if shorter and (not form.several_lengths or task.Task.running_text):
        return [f"lengths: {_name(task)} files have one length; leave it out"]
    return [
        f"lengths: got {length}, expected less than model.max_length, {model.max_length}"
        for length in shorter
        if length is not None and length >= model.max_length
    ]


def probabilities(task: ModuleType, section: Any, asked: bool) -> list[str]:
    """Check that a task has probabilities where files are to give them."""
    if not asked or task.Task.probabilities(section):
        return []
    return [
        f"probabilities: got true, but no output of {_name(task)} with these settings is a logit "
        "of classes that a softmax or sigmoid makes a probability of; leave it out"
    ]


def artifacts(
    task: ModuleType, exports: Sequence[str | None], compress: Sequence[Any]
) -> list[str]:
    """Check that artefacts and compressors suit the task and the form of its models.

    Args:
        exports: names, None for one that is a problem already.
        compress: sections, None for one that is a problem already.
    """
    reason = task.Task.not_compressed
    problems = [f"compress: leave it out for {_name(task)}: {reason}"] * bool(reason and compress)
    form = registry.plugin("form", task.Task.form)
    return problems + form.conflicts(_name(task), exports, compress)


def compressors(modules: Sequence[ModuleType | None]) -> list[str]:
    """Check that each comes once, and none after one that it would undo."""
    problems = []
    for second, later in enumerate(modules):
        for first, earlier in enumerate(modules[:second]):
            if earlier is None or later is None:
                continue
            reason = later.Compressor.not_after.get(_name(earlier))
            if earlier is later:
                reason = "once is enough"
            if reason:
                problems.append(
                    f"compress[{second}]: {_name(later)} cannot come after {_name(earlier)} "
                    f"(compress[{first}]): {reason}"
                )
    return problems


def _name(module: ModuleType) -> str:
    return module.__name__.rpartition(".")[2]
