"""The contract of a form: every attribute and hook that other packages use.

Nothing outside of `forms/` asks what kind a model is. A file of this folder holds a class `Form`, a
subclass of the one here; a task names it in `form`. Its class says how models of the kind are split
into graphs, and what goes with them; an instance answers with one backend. Answers need neither
Keras nor TensorFlow: import those inside of functions. Letters of shapes: b rows, t tokens.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from tfapps import registry
from tfapps.backends.base import Arrays, Backend, Signature
from tfapps.backends.keras import Keras
from tfapps.errors import InputError
from tfapps.features import padding
from tfapps.features.feature import Feature, select

if TYPE_CHECKING:
    import keras

BATCH = 64  # rows of a call that takes any number: bounds the memory of a long file


class Form(ABC):
    """How a kind of model is run.

    Args:
        backend: an exported artefact or a Keras model.
        features: all inputs of the whole model; those that the artefact reads are taken.
        task: of the run.
        entry: the signature that reads them.

    Attributes:
        searches: answers come from a search over steps, not from one pass: a text has no logits.
        several_lengths: files may have signatures for shorter texts, `lengths` of a config.
        likeliest: the search is in the file, which takes the likeliest token each time.
        length: the number of tokens that the artefact is fixed to; None if it takes any.
        backend: the artefact or the Keras model.
        features: the inputs that it reads, as the model states them.
        task: the task of the run.

    Raises:
        InputError: the artefact has no such signature, or one with other inputs.
    """

    searches: ClassVar[bool] = False
    several_lengths: ClassVar[bool] = False
    likeliest: bool = False
    length: int | None = None
    backend: Backend | None = None
    features: tuple[Feature, ...] = ()
    task: Any = None

    def __init__(
        self, backend: Backend, features: Sequence[Feature], task: Any, entry: str
    ) -> None:
        if entry not in backend.signatures:
            raise missing(backend, f"the signature {entry}")
        self.backend, self.task = backend, task
        inputs, by_name = backend.signatures[entry].inputs, {f.name: f for f in features}
        fits = all(
            name in by_name and len(tensor.shape) == 1 + len(by_name[name].shape)
            for name, tensor in inputs.items()
        )
        lengths = {t.shape[1] for name, t in inputs.items() if fits and by_name[name].mask}
        if not fits or len(lengths) > 1:
            shapes = {name: tensor.shape for name, tensor in inputs.items()}
            raise InputError(
                f"{backend.name}: expected inputs among {', '.join(by_name)}, all of one length, "
                f"got {shapes}; export the file with tfapps"
            )
        self.features = select(features, inputs)
        self.length = lengths.pop() if lengths else None

    @classmethod
    @abstractmethod
    def parts(cls, model: keras.Model, kind: Any) -> dict[str, keras.Model]:
        """Return the models by signature that answers are made with.

        Args:
            model: the whole model.
            kind: the plug-in of its architecture, a `tfapps.models.base.Model`.
        """

    @classmethod
    def graphs(cls, model: keras.Model, kind: Any, task: Any, max_length: int) -> dict[str, Any]:
        """Return all graphs by signature that a file may hold, `parts` and what clients need."""
        return cls.parts(model, kind)

    @classmethod
    def of_model(
        cls, model: keras.Model, kind: Any, features: Sequence[Feature], task: Any
    ) -> Self:
        """Return the form of a Keras model; its parts are traced once."""
        # Kept with the model, past Keras' own tracking, so that it goes when the model does.
        if "_backend" not in model.__dict__:
            model.__dict__["_backend"] = Keras(cls.parts(model, kind))
        return cls(model.__dict__["_backend"], features, task)

    @staticmethod
    def conflicts(task: str, exports: Sequence[str | None], compress: Sequence[Any]) -> list[str]:
        """Return the problems of artefacts and compressors that do not go with the form.

        Args:
            task: name of the task, for the messages.
            exports: names, None for one that is a problem already.
            compress: sections, None for one that is a problem already.
        """
        return [
            f"export: {name!r} cannot be made for {task}: it repeats the steps of a "
            f"translation, and {task} answers in one; leave it out"
            for name in exports
            if name in exported(lambda exporter: exporter.only_steps)
        ]

    @abstractmethod
    def __call__(self, features: Arrays, *, final: bool = True, likeliest: bool = False) -> Any:
        """Return the outputs of rows (b, ...), as the task reads them.

        Args:
            final: False at the end of an epoch, where a search may be narrower.
            likeliest: take the likeliest token each time, as files do that search by themselves.
        """

    @abstractmethod
    def compare(
        self,
        expected: Callable[[bool], Any],
        outputs: Any,
        features: Arrays,
        decide: Callable[[Any], Any],
        examples: Any,
    ) -> dict[str, float]:
        """Return how far an artefact is from the Keras model, see `tfapps.verify.parity.check`.

        Args:
            expected: outputs of the Keras model; of True, with the likeliest token each time.
            outputs: of `features`.
            decide: outputs -> the task's decisions.
            examples: what the rows are of.

        Raises:
            Failure: there is nothing to compare, or the shapes differ.
        """

    def run(self, signature: str, features: Arrays) -> dict[str, np.ndarray]:
        """Run one signature on any number of rows, padded to its length or cut to it.

        Raises:
            InputError: inputs are missing, unknown or badly shaped.
        """
        stated = self.backend.signatures[signature]
        inputs = fitted(self._inputs(signature), stated)
        rows = padding.check(features, inputs)
        arrays = padding.pad(inputs, features, full=True)
        size = stated.rows or BATCH
        starts = range(0, rows if stated.rows else max(rows, 1), size)
        parts = [
            self._call(signature, {name: array[i : i + size] for name, array in arrays.items()})
            for i in starts
        ]
        if not parts:  # of static shapes
            return {n: np.zeros((0, *t.shape[1:]), t.dtype) for n, t in stated.outputs.items()}
        return {name: np.concatenate([part[name] for part in parts]) for name in stated.outputs}

    def _inputs(self, signature: str) -> Sequence[Feature]:
        """Return the features that a signature reads."""
        return self.features

    def _call(self, signature: str, arrays: Arrays) -> dict[str, np.ndarray]:
        """Run a signature on as many rows as it takes."""
        return self.backend.call(signature, arrays)


def fitted(features: Iterable[Feature], stated: Signature) -> tuple[Feature, ...]:
    """Return features as long as the inputs of a signature, None where those are open."""
    tensors = [(feature, stated.inputs[feature.name]) for feature in features]
    return tuple(
        replace(f, dtype=tensor.dtype, length=tensor.shape[1] if f.ragged else f.length)
        for f, tensor in tensors
    )


def missing(backend: Backend, expected: str) -> InputError:
    """Return the error of an artefact without the signatures that its form asks for."""
    return InputError(
        f"{backend.name}: expected {expected}, got {sorted(backend.signatures) or 'none'}; "
        "export the file with tfapps"
    )


def exported(select: Callable[[Any], Sequence[str]]) -> list[str]:
    """Return the artefacts that a function selects of each exporter."""
    exporters = [registry.plugin("exporter", name) for name in registry.names("exporter")]
    return [name for exporter in exporters for name in select(exporter)]
