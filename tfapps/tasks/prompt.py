"""Classification by filling a gap: a pattern around the text, and a word for each label."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from pydantic import Field, field_validator

from tfapps import registry
from tfapps.bundle.bundle import read_json, write_json
from tfapps.config.sections import Section
from tfapps.errors import InputError
from tfapps.presets import presets
from tfapps.tasks import _guessing, classification
from tfapps.text.labels import normal

if TYPE_CHECKING:
    import keras

PROMPT_FILE = "prompt.json"
TEXT, GAP = "{text}", "[MASK]"
Examples = classification.Examples


class Config(Section):
    """`task:` of a run whose labels are words that fit into a gap.

    Source: Schick and Schuetze 2021, "Exploiting Cloze Questions for Few-Shot Text Classification
    and Natural Language Inference" (PET).

    Attributes:
        pattern: what is read; `{text}` and `[MASK]` once each.
        verbalizer: a word for each label, or several that count alike; each one piece of the
            vocabulary.
    """

    multi_label: ClassVar[bool] = False
    min_label_count: ClassVar[int] = 0

    name: str = "prompt"
    pattern: str = "{text} It was [MASK]."
    verbalizer: dict[str, str | list[str]] = Field(min_length=2)

    @field_validator("pattern")
    @classmethod
    def _both_once(cls, value: str) -> str:
        if value.count(TEXT) != 1 or value.count(GAP) != 1:
            raise ValueError(f"got {value!r}, expected {TEXT} and {GAP} in it, once each")
        return value

    @field_validator("verbalizer")
    @classmethod
    def _as_labels_are_read(cls, words: dict[str, str | list[str]]) -> dict[str, str | list[str]]:
        return {normal(label): word for label, word in words.items()}


class Task(classification.Task):
    """Labels as in `classification`, read off the masked-LM head of the run it takes as preset.

    The rows of the words in the output matrix become a matrix of their own: so a file holds no
    others, and whatever quantizes a linear head quantizes it.
    """

    comparable = False  # a label is read off words of the vocabulary
    vector_layer = "head"

    def __init__(self, config: Config, labels: Sequence[str], mask_id: int | None = None) -> None:
        super().__init__(config, labels)
        self.labels_of_outputs = None  # a plain client would not put the text into the pattern
        self.mask_id = mask_id
        self.words: list[np.ndarray] = []

    @classmethod
    def ready(cls, config: Config) -> bool:
        """Return whether the head is set without training: it comes from the preset."""
        return True

    @classmethod
    def misfit(cls, model: Any) -> str | None:
        """Return why a model without a preset does not fit."""
        if "preset" in model.parts:
            return None
        return "it takes no preset, and only a masked_lm run knows how to fill a gap"

    @classmethod
    def learn(cls, config: Config, examples: Examples) -> Task:
        """Take the label set from the training examples.

        Raises:
            InputError: not texts with one label each, or the verbalizer has other labels.
        """
        task = super().learn(config, examples)
        if "text_pair" in examples[0]:
            raise InputError("prompt reads single texts; leave data.text_pair out")
        for label in sorted(config.verbalizer.keys() - set(task.labels)):
            raise InputError(f"task.verbalizer: {registry.unknown('label', label, task.labels)}")
        missing = [label for label in task.labels if label not in config.verbalizer]
        if missing:
            raise InputError(f"task.verbalizer: no word for {', '.join(missing)}; give each one")
        return task

    def texts(self, examples: Examples) -> list[str]:
        """Return the texts that a vocabulary is learned from, the words of the labels included."""
        words = [word for label in self.labels for word in self._words(label)]
        return [*super().texts(examples), *re.split(_MARKS, self.config.pattern)[::2], *words]

    def _words(self, label: str) -> list[str]:
        words = self.config.verbalizer[label]
        return [words] if isinstance(words, str) else words

    def set_tokenizer(self, tokenizer: Any, examples: Any, make: Callable[..., Any] | None) -> None:
        """Look up the words.

        Raises:
            InputError: the tokenizer has no gap, or the model sees more of words than their
                pieces, or a word is not one piece.
        """
        if tokenizer.surface:
            raise InputError(
                f"prompt hides a word, but the model reads the {', '.join(tokenizer.surface)} of "
                "words; leave model.case out"
            )
        if tokenizer.mask_id is None:
            raise InputError(
                f"text.tokenizer: {tokenizer.kind} has no {GAP}; prompt needs wordpiece"
            )
        self.mask_id = tokenizer.mask_id
        self.words = []
        for label in self.labels:
            for word, ids in zip(
                self._words(label), tokenizer.ids(self._words(label)), strict=True
            ):
                if len(ids) != 1 or ids[0] == tokenizer.unknown_id:
                    raise InputError(
                        f"task.verbalizer: {word!r} of {label} is {len(ids)} pieces of the "
                        "vocabulary, expected one that it knows; take another word"
                    )
            self.words.append(np.concatenate(tokenizer.ids(self._words(label))))

    def save(self, folder: Path) -> None:
        """Write `labels.json`, and `prompt.json`: the pattern and the id of the gap.

        The id is that of the tokenizer it was built with; one with fewer pieces has another.
        """
        super().save(folder)
        prompt = {"pattern": self.config.pattern, "mask_id": self.mask_id}
        write_json(Path(folder) / PROMPT_FILE, prompt)

    @classmethod
    def load(cls, config: Config, folder: Path) -> Task:
        """Read what `save` wrote."""
        labels = read_json(Path(folder) / classification.LABELS_FILE)
        return cls(config, labels, read_json(Path(folder) / PROMPT_FILE)["mask_id"])

    def encode(
        self, examples: Examples, tokenizer: Any, max_length: int
    ) -> tuple[dict[str, Any], int]:
        """Put texts into the pattern; of a long one its end is cut, and the gap stays.

        Returns:
            token_ids and segment_ids, one ragged (t,) int32 a row; label (rows,) int32 if there
            are labels; and how many texts were cut.

        Raises:
            InputError: no room for a text, or a label that training never saw.
        """
        frame = self.frame(tokenizer)
        room = max_length - (len(frame) - 1)
        if room < 1:
            raise InputError(
                f"model.max_length: got {max_length}, which leaves no room for a text in "
                f"task.pattern; expected {max_length - room + 1} or more"
            )
        rows, cut = [], 0
        for ids in tokenizer.ids([example["text"] for example in examples]):
            cut += len(ids) > room
            filled = [ids[:room] if number is None else [number] for number in frame]
            rows.append(np.concatenate(filled).astype(np.int32))
        columns: dict[str, Any] = {"token_ids": rows, "segment_ids": [0 * ids for ids in rows]}
        if all(example.get("label") is not None for example in examples):
            columns["label"] = self._encoded(examples)
        return columns, cut

    def frame(self, tokenizer: Any) -> list[int | None]:
        """Return the ids of the pattern, the gap among them."""
        of = {TEXT: [None], GAP: [tokenizer.mask_id]}
        parts = re.split(_MARKS, self.config.pattern)
        filled = [of[part] if part in of else _ids(tokenizer, part).tolist() for part in parts]
        pattern = [number for part in filled for number in part]
        place = list(tokenizer.frame).index(None)
        return [*tokenizer.frame[:place], *pattern, *tokenizer.frame[place + 1 :]]

    def places(self, columns: dict[str, Any], tokenizer: Any) -> list[np.ndarray]:
        """Return where the pieces of the text stand in the one encoded row, without the pattern."""
        frame = self.frame(tokenizer)
        before, length = frame.index(None), len(columns["token_ids"][0])
        return [np.arange(before, length - (len(frame) - 1 - before))]

    def blank(self, tokenizer: Any) -> int:
        """Return the piece that says nothing: another [MASK] would be a second gap."""
        return tokenizer.unknown_id

    def attach(self, encoder: keras.Model) -> keras.Model:
        """Put the masked-LM head on the state at the gap: (b, t, d) -> `logits` (b, c)."""
        import keras

        from tfapps.layers.at_token import AtToken
        from tfapps.layers.linear import Linear

        states = encoder.output["sequence"]
        x = AtToken(self.mask_id, name="gap")(states, encoder.input["token_ids"])
        x = _guessing.transform(x, states.shape[-1])
        logits = Linear(len(self.labels), name="head")(x)
        logits = keras.layers.Activation("linear", dtype="float32", name="logits")(logits)
        return keras.Model(encoder.input, logits, name="prompt")

    def start_head(
        self, model: keras.Model, embed: Callable[..., Any], examples: Any, run: Any
    ) -> None:
        """Take the head of the preset.

        Args:
            run: the config.

        Raises:
            InputError: the preset is no masked_lm run.
        """
        weights = masked_lm_head(run.model.preset)
        _guessing.carry(model, weights)
        head, table = model.get_layer("head"), weights["embeddings/token"]
        bias = weights[f"{_guessing.BIAS}/bias"]
        head.kernel.assign(np.stack([table[ids].mean(axis=0) for ids in self.words], axis=1))
        head.bias.assign([bias[ids].mean() for ids in self.words])


def masked_lm_head(preset: str | None) -> dict[str, np.ndarray]:
    """Return the weights of a masked_lm run by path, its head's among them.

    Raises:
        InputError: `preset` is nothing of the kind.
    """
    needs = (
        "prompt fills the gap with the head of a masked_lm run; train one, "
        "see docs/how_to/pretraining.md"
    )
    if preset is None:
        raise InputError(f"model.preset: missing, but task {needs}")
    task = presets.trained_for(preset)
    if task is None:
        raise InputError(f"model.preset: {preset} is no run of tfapps, and task {needs}")
    if task != _guessing.TASK:
        raise InputError(f"model.preset: {preset} was trained for {task}, but task {needs}")
    return presets.run_weights(preset)


_MARKS = r"(\{text\}|\[MASK\])"


def _ids(tokenizer: Any, part: str) -> np.ndarray:
    return np.asarray(tokenizer.ids([part])[0] if part.strip() else [], np.int32)
