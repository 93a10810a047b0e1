"""An encoder and a step that is repeated: features in, the best answers of a search out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from tfapps import registry
from tfapps.backends.base import Arrays, Backend
from tfapps.decoding.beam import MORE, TIMES, Hypothesis, Search, Stepped, search
from tfapps.features.feature import MASK, Feature
from tfapps.forms import base
from tfapps.forms.parts import agreement, greedy_graph
from tfapps.forms.parts.steps import ENCODE, STEP, STEPS, Steps

if TYPE_CHECKING:
    import keras

TRANSLATE = greedy_graph.SIGNATURE
OUTPUTS = ("target_ids", "length", "log_prob", "attention")  # of TRANSLATE


class Form(base.Form):
    """The best answers of each row, a list of `Hypothesis`.

    The search is around `encode` and `step`, or in the file, where that has `translate` alone.
    """

    searches = True

    def __init__(self, backend: Backend, features: Sequence[Feature], task: Any) -> None:
        names = backend.signatures.keys()
        self.likeliest = not {ENCODE, STEP} <= names
        if self.likeliest and TRANSLATE not in names:
            raise base.missing(backend, f"signatures {ENCODE} and {STEP}, or {TRANSLATE}")
        super().__init__(backend, features, task, TRANSLATE if self.likeliest else ENCODE)
        self._limit = self.features[0].length - 1
        if not self.likeliest:
            self._steps = Steps(backend, self.features)

    @classmethod
    def parts(cls, model: keras.Model, kind: Any) -> dict[str, keras.Model]:
        """Return the encoder and the step."""
        return {ENCODE: kind.encoder_of(model), STEP: kind.step_of(model)}

    @classmethod
    def graphs(cls, model: keras.Model, kind: Any, task: Any, max_length: int) -> dict[str, Any]:
        """Return the parts, with static shapes the steps of a whole beam, and all in one."""
        graphs: dict[str, Any] = cls.parts(model, kind)
        beam = task.search().beam
        if beam > 1 and model.input["token_ids"].shape[0] is not None:
            graphs[STEPS] = kind.step_of(model, batch_size=beam)
        target = task.target_tokenizer
        graphs[TRANSLATE] = greedy_graph.Greedy(
            graphs[ENCODE], graphs[STEP], target.start_id, target.end_id, max_length - 1
        )
        return graphs

    @staticmethod
    def conflicts(task: str, exports: Sequence[str | None], compress: Sequence[Any]) -> list[str]:
        """Return the problems of what cannot be made for steps, or not without trained ranges."""
        possible = base.exported(lambda exporter: exporter.of_steps)
        problems = [
            f"export: {name!r} cannot be made for {task}; expected some of {', '.join(possible)}"
            for name in exports
            if name is not None and name not in possible
        ]
        sections = [(i, item) for i, item in enumerate(compress) if item]
        kinds = [(i, item, registry.plugin("compressor", item.name)) for i, item in sections]
        problems += [
            f"compress[{i}]: {item.name} does not go with {task}: {kind.not_in_steps}; leave it out"
            for i, item, kind in kinds
            if kind.not_in_steps
        ]
        if "litert_int8" in exports and not any(
            kind.trains_ranges(item) for _, item, kind in kinds
        ):
            problems.append(
                f"export: 'litert_int8' for {task} needs the ranges of integers to be trained; put "
                "{name: qat} into compress"
            )
        return problems

    def __call__(
        self, features: Arrays, *, final: bool = True, likeliest: bool = False
    ) -> list[list[Hypothesis]]:
        """Return the best answers of each row, as many as the task's search asks for."""
        options = self.task.search(final)
        options = replace(options, beam=1, n_best=1) if likeliest else options
        features = {feature.name: np.asarray(features[feature.name]) for feature in self.features}
        if self.likeliest:
            return self._translated(features, options)
        lengths = features[MASK].sum(axis=1)
        order = np.argsort(lengths, kind="stable")  # like lengths together: little padding
        answers: list[Any] = [None] * len(order)
        size = self._steps.rows or base.BATCH
        for start in range(0, len(order), size):
            rows = order[start : start + size]
            longest = max(int(lengths[rows].max()), 1)
            columns = {name: column[rows, :longest] for name, column in features.items()}
            for row, hypotheses in zip(rows, self._search(columns, options), strict=True):
                answers[row] = hypotheses
        return answers

    def compare(
        self,
        expected: Callable[[bool], Any],
        outputs: Any,
        features: Arrays,
        decide: Callable[[Any], Any],
        examples: Any,
    ) -> dict[str, float]:
        """Compare the best answers, and those of a greedy search that the artefact also holds."""
        proof = agreement.compare_answers(expected(self.likeliest), outputs)
        if self.likeliest or TRANSLATE not in self.backend.signatures:
            return proof
        features = {feature.name: features[feature.name] for feature in self.features}
        translated = self._translated(features, self.task.search())
        return agreement.worse(proof, agreement.compare_answers(expected(True), translated))

    def _search(self, features: Arrays, options: Search) -> list[list[Hypothesis]]:
        """Search around the steps, as many rows as the encoder takes."""
        states, context = self._steps.encode(features)
        mask, target = features[MASK], self.task.target_tokenizer
        wide = self.length or mask.shape[1]
        return search(
            self._step,
            states=states,
            context=context,
            limits=np.minimum(TIMES * mask.sum(axis=1) + MORE, self._limit),
            start_id=target.start_id,
            end_id=target.end_id,
            options=options,
            source_mask=np.pad(mask, ((0, 0), (0, wide - mask.shape[1]))),
        )

    def _step(self, token_ids: np.ndarray, states: Arrays, context: Arrays) -> Stepped:
        logits, states, attention = self._steps.step(token_ids, states, context)
        return Stepped(_log_softmax(logits), states, attention)

    def _translated(self, features: Arrays, options: Search) -> list[list[Hypothesis]]:
        """Return the likeliest answer of each row, in a list as if there were more.

        `translate` gives target_ids (b, limit), length (b,), log_prob (b,), and attention
        (b, limit + 1, s), that of the end the last.
        """
        outputs, mask = self.run(TRANSLATE, features), np.asarray(features[MASK])
        padding = np.ones((len(mask), outputs["attention"].shape[2]))
        padding[:, : mask.shape[1]] -= mask[:, : padding.shape[1]]
        rows = zip(*(outputs[name] for name in OUTPUTS), padding, strict=True)
        return [[answer] for answer in _answers(rows, options)]


def _answers(rows: Any, options: Search) -> Iterator[Hypothesis]:
    for token_ids, length, log_prob, attention, padding in rows:
        coverage = attention[: length + 1].sum(axis=0) + padding
        score = options.score(np.float64(log_prob), length + 1, coverage)
        yield Hypothesis(token_ids[:length], float(score), attention[:length])


def _log_softmax(logits: np.ndarray) -> np.ndarray:
    logits = np.asarray(logits, np.float32)
    logits = logits - logits.max(axis=-1, keepdims=True)
    return logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True))
