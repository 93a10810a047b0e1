"""Strings in, answers out: the only way a finished run is used."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tfapps import registry
from tfapps.assembly.assemble import of_bundle
from tfapps.errors import InputError
from tfapps.features.arrays import each
from tfapps.features.padding import OWN_LENGTH
from tfapps.presets import offline
from tfapps.text.lines import check_whole
from tfapps.text.questions import asked, reads_pairs

if TYPE_CHECKING:
    from tfapps.bundle.bundle import Bundle
    from tfapps.config.sections import RunConfig
    from tfapps.serve.ensemble import Ensemble

# Faithful before small: float32 equals the trained model, float16 nearly, the dynamic ones are
# verified to within 0.02, the others only to within 0.10, so they must be asked for unless nothing
# but the training code itself is left. A SavedModel is code: it must always be asked for.
PREFERENCE = ("litert_float32", "litert_float16", "litert_dynamic", "litert_aeq_dynamic")
PREFERENCE += ("litert_int8", "litert_aeq_int8", "litert_int4", "litert_int4e")
SAVED_MODEL = "saved_model"
Runner = Callable[[dict[str, np.ndarray]], np.ndarray]
BATCH = 64  # texts held as features at a time


class Predictor:
    """A run, opened for answers.

    Any number of threads may ask one predictor at a time. A LiteRT artefact answers as many at once
    as there are cores, from a pool of interpreters, each with tensors and packed weights of its own
    in memory; Keras and SavedModel run any number of calls at once.

    Attributes:
        artifact: name of the artefact that answers.
        paired: whether the run was trained on pairs of texts, and is asked for such.

    Example:
        >>> predictor = Predictor.open("saved_models/support_intents")
        >>> predictor(["where is my parcel?"])
        [{'label': 'delivery', 'score': 0.97}]
    """

    def __init__(
        self,
        *,
        artifact: str,
        runner: Runner,
        inputs: Sequence[str],
        tokenizer: Any,
        task: Any,
        max_length: int,
        paired: bool = False,
    ) -> None:
        self.artifact = artifact
        self.paired = paired
        self._truncated, self._counting = 0, threading.Lock()
        self._runner = runner
        self._inputs = tuple(inputs)
        self._tokenizer = tokenizer
        self._task = task
        self._max_length = max_length

    @classmethod
    def open(
        cls, path: str | os.PathLike, artifact: str | None = None, threads: int = 1
    ) -> Predictor | Ensemble:
        """Open the run in `path`; its files are checked against their hashes first.

        Args:
            path: the run's folder.
            artifact: which artefact answers; None takes the first there of `PREFERENCE`, then
                any other, then the Keras model, but never a SavedModel, which is code.
            threads: CPU threads of each interpreter of a LiteRT artefact.

        Raises:
            InputError: no run there, a damaged file, or no such artefact.
        """
        from tfapps.bundle.bundle import Bundle
        from tfapps.config import load as configs
        from tfapps.text.tokenizer import Tokenizer

        bundle = Bundle.open(Path(path))
        run = configs.load(bundle.config_path)
        if bundle.members:
            from tfapps.serve.ensemble import Ensemble

            return Ensemble.of(bundle, run, artifact, threads)
        name = artifact if artifact is not None else preferred(bundle.artifacts())
        tokenizer = Tokenizer.load(bundle.text)
        task = registry.load("task", run.task.name).Task.load(run.task, bundle.text)
        with offline.bundle(bundle.path):
            runner, inputs = open_runner(name, bundle, run, task, tokenizer, threads=threads)
        return cls(
            artifact=name,
            runner=runner,
            inputs=inputs,
            tokenizer=tokenizer,
            task=task,
            max_length=getattr(runner, "length", None) or run.model.max_length,
            paired=reads_pairs(run),
        )

    @property
    def truncated(self) -> int:
        """How many texts were longer than the model reads, since it was opened."""
        return self._truncated

    def __call__(self, texts: Sequence[str | tuple[str, str]]) -> list[dict[str, Any]]:
        """Answers in the order of the texts; a pair of texts is a tuple.

        Empty texts are answered too, and texts that are too long are cut and counted.

        Raises:
            InputError: not a list of texts, single texts for a run on pairs or the other way round,
                or a text with half of a surrogate pair.
        """
        answers: list[dict[str, Any]] = []
        for outputs, examples in self._outputs(texts):
            answers += self._task.decode(outputs, examples)
        return answers

    def logits(self, texts: Sequence[str | tuple[str, str]]) -> Any:
        """(b, ...) logits of the texts, for those who decide by themselves.

        A tagger has a row for each window of a text, (w, t, k), with zeros where the tokens of
        other texts are more.

        Raises:
            InputError: not a list of texts, an empty one, or a run that has no logits.
        """
        parts = [outputs for outputs, _ in self._outputs(texts)]
        if not parts:
            raise InputError("expected at least one text, got none")
        if isinstance(parts[0], list):
            raise InputError("this run's answers are found by a search; it has no logits of a text")
        return each(_joined, *parts)

    def attention(self, text: str) -> bytes:
        """Draw what each piece of the answer looked at in the text, as PNG.

        Raises:
            InputError: answers of this run look at nothing.
        """
        outputs, examples = next(iter(self._outputs([text])))
        picture = None
        if self._task.form == "seq2seq":
            picture = self._task.attention_png(outputs[0][0], examples[0])
        if picture is None:
            raise InputError("this run's answer has no attention to draw; expected a translation")
        return picture

    def _outputs(self, texts: Sequence[str | tuple[str, str]]) -> Any:
        examples = _examples(texts, self.paired)
        rows = self._task.rows_at_once
        for start in range(0, len(examples), rows):
            batch = examples[start : start + rows]
            batch = self._task.expand(batch, self._tokenizer, self._max_length)
            columns, truncated = self._task.encode(batch, self._tokenizer, self._max_length)
            with self._counting:
                self._truncated += truncated
            yield self._runner(self._features(columns)), batch

    def _features(self, columns: dict[str, Any]) -> dict[str, np.ndarray]:
        """Ragged columns [(t,)] -> inputs of the artefact (b, t) int32, t of the longest row."""
        # Words the tokenizer drops can leave nothing; a row without a token has no mean.
        lengths = [min(max(len(row), 1), self._max_length) for row in columns["token_ids"]]
        longest = max(lengths)
        empty = {"token_ids": getattr(self._tokenizer, "unknown_id", 0)}
        padded = {}
        for name in self._inputs:
            if name in OWN_LENGTH:
                padded[name] = pad(columns[name], max(1, *map(len, columns[name])))
            elif name != "padding_mask":
                padded[name] = pad(columns[name], longest, empty.get(name, 0))
        if "padding_mask" in self._inputs:
            mask = np.arange(longest) < np.array(lengths)[:, None]
            padded["padding_mask"] = mask.astype(np.int32)
        return padded


def texts_of(rows: Sequence[Mapping[str, Any]]) -> list[str | tuple[str, str]]:
    """What a predictor is asked for the rows of a source: texts, or pairs of texts."""
    pair = "text_pair" in rows[0]
    return [(row["text"], row["text_pair"]) if pair else row["text"] for row in rows]


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


def pad(rows: Sequence[np.ndarray], length: int, empty: int = 0) -> np.ndarray:
    """[(t, ...)] -> (b, length, ...), zeros on the right; a row of nothing is one `empty`."""
    inner = np.shape(rows[0])[1:] if len(rows) else ()
    out = np.zeros((len(rows), length, *inner), np.int32)
    for i, row in enumerate(rows):
        row = np.asarray(row)[:length] if len(row) else np.full((1, *inner), empty)
        out[i, : len(row)] = row
    return out


def _joined(*arrays: np.ndarray) -> np.ndarray:
    """Rows of several batches as one array; those of tokens get the length of the longest."""
    if arrays[0].ndim > 2:
        longest = max(array.shape[1] for array in arrays)
        rest = [(0, 0)] * (arrays[0].ndim - 2)
        arrays = tuple(
            np.pad(array, [(0, 0), (0, longest - array.shape[1]), *rest]) for array in arrays
        )
    return np.concatenate(arrays)


def _examples(texts: Sequence[str | tuple[str, str]], paired: bool) -> list[dict[str, Any]]:
    if isinstance(texts, str):
        raise InputError("expected a list of texts, got one string; put it in a list")
    examples = []
    for i, text in enumerate(texts):
        pair = text if isinstance(text, tuple) else (text,)
        if len(pair) > 2 or not all(isinstance(part, str) for part in pair):
            raise InputError(
                f"text {i}: expected a string or a pair of strings, got {type(text).__name__}"
            )
        examples.append(asked(tuple(check_whole(part, f"text {i}") for part in pair)))
    if len({len(example) for example in examples}) > 1:
        raise InputError("texts and pairs of texts are mixed; give one kind at a time")
    if examples and ("text_pair" in examples[0]) != paired:
        wanted, got = ("pairs of texts", "single texts")[:: 1 if paired else -1]
        hint = '("...", "...") each' if paired else '"..." each'
        raise InputError(f"this run was trained on {wanted}, got {got}; expected {hint}")
    return [{**example, "label": None} for example in examples]


def open_runner(
    name: str, bundle: Bundle, run: RunConfig, task: Any, tokenizer: Any, *, threads: int = 1
) -> tuple[Runner, tuple[str, ...]]:
    """Load one artefact: (features (b, t) -> logits (b, ...)), and the inputs it reads.

    Raises:
        InputError: the run has no such artefact, or its file is damaged.
    """
    file = bundle.artifact(name)
    if task.form == "seq2seq":
        from tfapps.forms import greedy, translator

        if name == "keras":
            model = of_bundle(bundle, run, task, tokenizer)
            found = translator.of_model(run, task, model, task.search())
        elif name in greedy.ARTIFACTS:
            found = greedy.of_file(name, file, task, threads)
        else:
            found = translator.of_file(name, file, run, task, threads)
        return found, ("token_ids", "padding_mask")
    wanted = task.outputs
    if name.startswith("litert_"):
        from tfapps.runners.litert import LiteRTRunner

        litert = LiteRTRunner(file, threads=threads, outputs=wanted)
        return litert, litert.inputs
    if name == SAVED_MODEL:
        from tfapps.runners.saved_model import SavedModelRunner

        saved = SavedModelRunner(file, outputs=wanted)
        return saved, saved.inputs

    model = of_bundle(bundle, run, task, tokenizer)

    def keras_runner(features: dict[str, np.ndarray]) -> Any:
        parts = []
        for start in range(0, len(next(iter(features.values()))), BATCH):
            rows = {key: value[start : start + BATCH] for key, value in features.items()}
            parts.append(model.predict_on_batch(rows))
        return each(lambda *arrays: np.concatenate(arrays), *parts)

    return keras_runner, tuple(tensor.name for tensor in model.inputs)
