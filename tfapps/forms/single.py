"""One pass of the whole model: features in, outputs out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tfapps.backends.base import SERVE, SHORT, Arrays, Backend
from tfapps.errors import InputError
from tfapps.features import padding
from tfapps.features.feature import MASK, Feature
from tfapps.features.padding import LOGITS
from tfapps.forms import base
from tfapps.forms.parts import agreement, tags_graph
from tfapps.forms.parts.probable import PROBABILITIES, output_name
from tfapps.metrics.probability import sigmoid, softmax

if TYPE_CHECKING:
    import keras

TAG = tags_graph.SIGNATURE
JUDGED = 64  # rows whose probabilities are compared with their logits


class Form(base.Form):
    """Outputs (b, ...): an array, or a dictionary where the task has several.

    A file of one row answers row by row. Where it has signatures of several lengths, each row takes
    the least that holds it. Longer rows are cut.

    Raises:
        InputError: the artefact lacks the signature or an output.
    """

    several_lengths = True

    def __init__(self, backend: Backend, features: Sequence[Feature], task: Any) -> None:
        super().__init__(backend, features, task, SERVE)
        outputs = backend.signatures[SERVE].outputs
        if not set(task.outputs) <= outputs.keys():
            raise InputError(
                f"{backend.name}: expected the outputs {', '.join(task.outputs)}, got "
                f"{', '.join(sorted(outputs))}; export the run again"
            )
        shorter = (name for name in backend.signatures if name.startswith(SHORT))
        self._shorter = {int(name.removeprefix(SHORT)): name for name in sorted(shorter)}

    @classmethod
    def parts(cls, model: keras.Model, kind: Any) -> dict[str, keras.Model]:
        """Return the whole model."""
        return {SERVE: model}

    @classmethod
    def graphs(cls, model: keras.Model, kind: Any, task: Any, max_length: int) -> dict[str, Any]:
        """Return the whole model, and where it gives transitions the search for the best tags."""
        graphs = dict(cls.parts(model, kind))
        if "transitions" in task.outputs:
            graphs[TAG] = tags_graph.Tagger(model, task.allowed)
        return graphs

    def __call__(self, features: Arrays, *, final: bool = True, likeliest: bool = False) -> Any:
        """Return the task's outputs; logits of tokens are as long as the features."""
        outputs = self.run(SERVE, features)
        width = next((np.shape(features[f.name])[1] for f in self.features if f.mask), None)
        logits = outputs.get(LOGITS)
        if logits is not None and logits.ndim > 2 and logits.shape[1] == (self.length or width):
            outputs[LOGITS] = logits[:, :width]
        asked = {name: outputs[name] for name in self.task.outputs}
        return asked if len(asked) > 1 else asked[self.task.outputs[0]]

    def compare(
        self,
        expected: Callable[[bool], Any],
        outputs: Any,
        features: Arrays,
        decide: Callable[[Any], Any],
        examples: Any,
    ) -> dict[str, float]:
        """Compare logits and decisions, and what else the file gives with its own logits."""
        proof = agreement.compare(expected(False), outputs, decide, features.get(MASK))
        proof |= self._probabilities({name: array[:JUDGED] for name, array in features.items()})
        if not self.task.tags_words or TAG not in self.backend.signatures:
            return proof
        starts = np.zeros(np.shape(features["token_ids"]), np.int32)
        for row, window in enumerate(examples):
            starts[row, window["places"]] = 1
        inside = self.run(TAG, {**features, tags_graph.STARTS: starts})["tags"]
        tags = zip(inside, examples, self.task.tag_numbers(outputs, examples), strict=True)
        same = [np.array_equal(row[window["places"]], numbers) for row, window, numbers in tags]
        share = float(np.mean(same))
        return {**proof, "agreement": min(proof["agreement"], share), "tag_agreement": share}

    def _probabilities(self, features: Arrays) -> dict[str, float]:
        """Return how far probabilities are from those of the file's logits; empty without any."""
        if not any(name.endswith(PROBABILITIES) for name in self.backend.signatures[SERVE].outputs):
            return {}
        outputs, differences = self.run(SERVE, features), [0.0]
        for name, activation in self.task.probabilities(self.task.config).items():
            expected = {"softmax": softmax, "sigmoid": sigmoid}[activation](outputs[name])
            difference = np.abs(outputs[output_name(name)] - expected)
            if difference.ndim > 2:  # of tokens, not of the padding
                mask = padding.pad(self.features, features, full=True)[MASK]
                difference = difference[mask > 0]
            differences.append(float(difference.max(initial=0.0)))
        return {"probability_difference": max(differences)}

    def _inputs(self, signature: str) -> Sequence[Feature]:
        starts = Feature(tags_graph.STARTS, mask=MASK)
        return (*self.features, starts) if signature == TAG else self.features

    def _call(self, signature: str, arrays: Arrays) -> dict[str, np.ndarray]:
        can_be_short = self._shorter and signature == SERVE and MASK in arrays
        short = self._short(arrays) if can_be_short else None
        if short is None:
            return self.backend.call(signature, arrays)
        arrays = {name: array[:, :short] for name, array in arrays.items()}
        outputs = self.backend.call(self._shorter[short], arrays)
        stated = self.backend.signatures[signature].outputs
        return {name: _widened(array, stated[name].shape) for name, array in outputs.items()}

    def _short(self, arrays: Arrays) -> int | None:
        """Return the least of the shorter lengths that holds all tokens; None if none does."""
        used = int(np.flatnonzero(arrays[MASK].any(axis=0)).max(initial=-1)) + 1
        return min((length for length in self._shorter if length >= used), default=None)


def _widened(output: np.ndarray, shape: Sequence[int | None]) -> np.ndarray:
    """Return an output with zeros behind its tokens, (1, t, ...) -> (1, shape[1], ...)."""
    rest = [(0, 0)] * (output.ndim - 2)
    return np.pad(output, [(0, 0), *((0, n - output.shape[1]) for n in shape[1:2]), *rest])
