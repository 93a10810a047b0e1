"""The artefacts of a run: which of them answers, and how each is opened."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tfapps.assembly.assemble import features, of_bundle
from tfapps.errors import InputError
from tfapps.features.feature import Feature, select
from tfapps.runners.keras_model import KerasRunner

if TYPE_CHECKING:
    from tfapps.bundle.bundle import Bundle
    from tfapps.config.sections import RunConfig

# Faithful before small: float32 equals the trained model, float16 nearly, the dynamic ones are
# verified to within 0.02, the others only to within 0.10, so they must be asked for unless nothing
# but the training code itself is left. A SavedModel is code: it must always be asked for.
PREFERENCE = ("litert_float32", "litert_float16", "litert_dynamic", "litert_aeq_dynamic")
PREFERENCE += ("litert_int8", "litert_aeq_int8", "litert_int4", "litert_int4e")
SAVED_MODEL = "saved_model"
Runner = Callable[[dict[str, np.ndarray]], np.ndarray]


def preferred(artifacts: Sequence[str]) -> str:
    """The artefact that answers when nobody says which; never a SavedModel, which is code.

    Raises:
        InputError: there is none.
    """
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
) -> tuple[Runner, tuple[Feature, ...]]:
    """Load one artefact: (features (b, t) -> logits (b, ...)), and the features it reads.

    Raises:
        InputError: the run has no such artefact, or its file is damaged.
    """
    file, stated = bundle.artifact(name), features(run, task)
    if task.form == "seq2seq":
        from tfapps.forms import greedy, translator

        if name == "keras":
            model = of_bundle(bundle, run, task, tokenizer)
            found = translator.of_model(run, task, model, task.search())
        elif name in greedy.ARTIFACTS:
            found = greedy.of_file(name, file, task, threads)
        else:
            found = translator.of_file(name, file, run, task, threads)
        return found, select(stated, ("token_ids", "padding_mask"))
    wanted = task.outputs
    if name.startswith("litert_"):
        from tfapps.runners.litert import LiteRTRunner

        litert = LiteRTRunner(file, threads=threads, outputs=wanted)
        return litert, select(stated, litert.inputs)
    if name == SAVED_MODEL:
        from tfapps.runners.saved_model import SavedModelRunner

        saved = SavedModelRunner(file, outputs=wanted)
        return saved, select(stated, saved.inputs)

    kept = KerasRunner(of_bundle(bundle, run, task, tokenizer))
    return kept, select(stated, kept.inputs)
