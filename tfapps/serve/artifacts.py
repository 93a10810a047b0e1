"""The artefacts of a run: which of them answers, and how each is opened."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from tfapps import registry
from tfapps.assembly.assemble import features, form_of, of_bundle
from tfapps.backends.opening import open_file
from tfapps.errors import InputError

if TYPE_CHECKING:
    from tfapps.bundle.bundle import Bundle
    from tfapps.config.sections import RunConfig
    from tfapps.forms.base import Form

# Where a run recommends no file, faithful before small: float32 equals the trained model, float16
# nearly, the dynamic ones are verified to within 0.02, the others only to within 0.10, so they must
# be asked for unless nothing but the training code itself is left. A SavedModel is code: it must
# always be asked for.
PREFERENCE = ("litert_float32", "litert_float16", "litert_dynamic", "litert_aeq_dynamic")
PREFERENCE += ("litert_int8", "litert_aeq_int8", "litert_int4", "litert_int4e")
SAVED_MODEL = "saved_model"


def preferred(artifacts: Sequence[str], recommended: Any = None) -> str:
    """Return the artefact that answers when nobody says which; never a SavedModel, which is code.

    Args:
        artifacts: of the run.
        recommended: the one to ship, as metrics.json has it: what is tried is what is shipped.

    Raises:
        InputError: there is none.
    """
    if recommended in artifacts and recommended != SAVED_MODEL:
        return str(recommended)
    others = [name for name in artifacts if name not in (*PREFERENCE, "keras", SAVED_MODEL)]
    for name in (*PREFERENCE, *others, "keras"):
        if name in artifacts:
            return name
    if SAVED_MODEL in artifacts:
        raise InputError(
            f"the run holds a SavedModel alone, which is code; if you trust it, name it: "
            f"--artifact {SAVED_MODEL}"
        )
    raise InputError("the run holds no artefact to answer with; train and export it first")


def open_runner(
    name: str, bundle: Bundle, run: RunConfig, task: Any, tokenizer: Any, *, threads: int = 1
) -> Form:
    """Open one artefact; called with its `features`, it returns the outputs that the task reads.

    Raises:
        InputError: the run has no such artefact, or its file is damaged.
    """
    if name == "keras":
        return form_of(of_bundle(bundle, run, task, tokenizer), run, task)
    content = bundle.content(name)
    file = bundle.artifact(name) if content is None else content.path
    form = registry.plugin("form", task.form)
    return form(open_file(file, threads, content), features(run, task), task)
