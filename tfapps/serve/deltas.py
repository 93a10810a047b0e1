"""Several runs that were tuned on one preset and share one copy of it."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tfapps import registry
from tfapps.assembly import tuned
from tfapps.assembly.assemble import form_of
from tfapps.bundle import identity
from tfapps.bundle.bundle import DELTA, Bundle
from tfapps.config import load as configs
from tfapps.errors import InputError
from tfapps.graph import weights
from tfapps.presets import offline
from tfapps.serve.predictor import Predictor
from tfapps.text.questions import KEYS, reads_pairs

if TYPE_CHECKING:
    import keras

    from tfapps.config.sections import RunConfig


class Shared:
    """One base in memory; the trained changes of a run are loaded before it answers.

    Any number of threads may ask; one is answered at a time, because there is one base.

    Attributes:
        runs: a `Predictor` each, by the run's name; runs of one name by their folders.
        paired: whether all of them read pairs of texts.

    Example:
        >>> shared = Shared.open(["saved_models/intents", "saved_models/sentiment"])
        >>> shared.runs["intents"](["where is my parcel?"])
    """

    def __init__(self) -> None:
        self.runs: dict[str, Predictor] = {}
        self.paired = False
        self._encoder: Any = None
        self._learned: dict[str, dict[str, np.ndarray]] = {}
        self._active: str | None = None
        self._base = threading.Lock()

    @classmethod
    def open(cls, paths: Sequence[str | Path]) -> Shared:
        """Open runs that keep their delta alone and were tuned alike.

        Raises:
            InputError: a run keeps all of its weights, or has another model, preset or tuner, or
                only some of them read pairs of texts; or one run is named twice.
        """
        shared, first = cls(), None
        bundles = [Bundle.open(path) for path in paths]
        runs = [configs.load(bundle.config_path) for bundle in bundles]
        names = _names(bundles, runs)
        for path, bundle, run, name in zip(paths, bundles, runs, names, strict=True):
            if bundle.weights.name != DELTA:
                raise InputError(
                    f"{path}: keeps all of its weights, so it has no base to share; train it with "
                    "tuning.store: delta"
                )
            first = first or run
            _check_alike(first, run, path)
            with offline.bundle(bundle.path):
                shared._add(name, bundle, run)
        shared.paired = reads_pairs(first)
        return shared

    def _add(self, name: str, bundle: Bundle, run: RunConfig) -> None:
        from safetensors.numpy import load_file

        from tfapps.text.tokenizer import Tokenizer

        tuned.check(run, bundle.weights)
        task = registry.load("task", run.task.name).Task.load(run.task, bundle.text)
        tokenizer = Tokenizer.load(bundle.text)
        if self._encoder is None:
            self._encoder = _tuned_encoder(run, tokenizer)
        learned = load_file(bundle.weights)
        model = task.attach(self._encoder)
        inside = weights.variables(self._encoder)
        for weight_path, weight in weights.variables(model).items():
            if weight_path not in inside:
                weight.assign(learned[weight_path])
        # A weight that this run left alone may be another's to learn.
        self._learned[name] = {path: a for path, a in learned.items() if path in inside}
        form = form_of(model, run, task)
        self.runs[name] = Predictor(
            artifact="keras",
            runner=self._runner(name, form),
            features=form.features,
            tokenizer=tokenizer,
            task=task,
            max_length=run.model.max_length,
            paired=reads_pairs(run),
        )

    def _runner(self, name: str, form: Any) -> Any:
        def answer(rows: dict[str, np.ndarray]) -> Any:
            with self._base:
                self._switch(name)
                return form(rows)

        return answer

    def _switch(self, name: str) -> None:
        """Put what a run learned into the base."""
        if self._active == name:
            return
        self._active = None  # neither, if this is interrupted
        inside = weights.variables(self._encoder)
        for path, value in self._learned[name].items():
            inside[path].assign(value)
        self._active = name


def _tuned_encoder(run: RunConfig, tokenizer: Any) -> keras.Model:
    """Return the preset with the layers that the tuner adds, and no head."""
    kind = registry.plugin("model", run.model.name)
    tuner = registry.plugin("tuner", run.tuning.name)
    encoder = kind.build(run.model, vocabulary_size=tokenizer.vocabulary_size)
    encoder = tuner.build(run.tuning, encoder)
    kind.load_pretrained(run.model, encoder, tokenizer)
    if run.tuning.name == "freeze":
        return encoder
    return tuner.apply(tuned.stored(run).tuning, encoder)


def _names(bundles: Sequence[Bundle], runs: Sequence[RunConfig]) -> list[str]:
    """Name each run as its config does, or by its folder where that would not tell it apart.

    Raises:
        InputError: one folder is named twice.
    """
    folders = [bundle.path.resolve() for bundle in bundles]
    for folder in folders:
        if folders.count(folder) > 1:
            raise InputError(f"{folder}: named {folders.count(folder)} times; name each run once")
    names = [run.name for run in runs]
    taken = (*names, *KEYS)  # an answer has its text under such a key
    return [
        str(folder) if taken.count(name) > 1 else name
        for name, folder in zip(names, folders, strict=True)
    ]


def _check_alike(first: RunConfig, run: RunConfig, path: Any) -> None:
    for section in ("model", "tuning"):
        own, theirs = getattr(run, section), getattr(first, section)
        if own != theirs or identity.of_weights(run.model.preset) != identity.of_weights(
            first.model.preset
        ):
            raise InputError(
                f"{path}: its {section} is not that of {first.name}, so they cannot share a base; "
                "runs that share one have the same model and tuning sections"
            )
    if reads_pairs(run) != reads_pairs(first):
        raise InputError(
            f"{path}: it and {first.name} cannot be used together: one reads pairs, the other "
            "single texts"
        )
