"""Translation: a sentence in, the best sentences of another language out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from pydantic import Field, model_validator

from tfapps.config.effects import ANSWERS
from tfapps.config.sections import Section
from tfapps.decoding.beam import Hypothesis, Search
from tfapps.errors import InputError
from tfapps.metrics import fonts, translation
from tfapps.metrics.intervals import Interval
from tfapps.printable import markdown
from tfapps.tasks import _texts, base
from tfapps.text.columns import Reading, Table

if TYPE_CHECKING:
    import keras

Examples = Sequence[dict[str, Any]]
Outputs = Sequence[Sequence[Hypothesis]]  # the best answers of each row
TARGET_FOLDER = "target"


class Config(Section):
    """`task:` of a translation run.

    Attributes:
        target_vocabulary_size: pieces of a vocabulary of the target's own; None is one vocabulary
            for both languages, which share names and numbers.
        beam: translations looked at side by side; 1 takes the likeliest piece each time.
        epoch_beam: the same at the end of an epoch, where it only has to rank epochs.
        length_penalty: 0 prefers short translations, 1 divides by about the length.
        coverage_penalty: weight of source pieces that got little attention.
        copy_unknown: write the source word with most attention where a piece is unknown.
    """

    name: str = "translation"
    target_vocabulary_size: int | None = Field(None, ge=16)
    beam: Annotated[int, ANSWERS] = Field(5, ge=1, le=100)
    epoch_beam: int = Field(1, ge=1, le=100)
    length_penalty: Annotated[float, ANSWERS] = Field(1.0, ge=0)
    coverage_penalty: Annotated[float, ANSWERS] = Field(0.0, ge=0)
    copy_unknown: Annotated[bool, ANSWERS] = True
    n_best: Annotated[int, ANSWERS] = Field(1, ge=1, le=100)

    @model_validator(mode="after")
    def _n_best_fits(self) -> Config:
        if self.n_best > self.beam:
            raise ValueError(f"n_best: got {self.n_best}, expected at most beam, {self.beam}")
        return self


class Task(base.Task):
    """How sentences become pairs of id sequences, and how translations are learned and judged.

    Attributes:
        tokenizer: of the source.
        target_tokenizer: of the target; the same where both languages share a vocabulary.
    """

    form = needs = "seq2seq"
    targets = ("label_ids",)
    heads = ()  # no part of the model is pre-trained: its output matrix starts as the rest does
    weight_column = "pieces"
    unit = "tokens"
    headline = "bleu"
    best_headline = 100.0

    @classmethod
    def reading(cls, table: Table) -> Reading | None:
        """Return the columns of the two languages, if it is asked for: --text from, --label to."""
        names = table.named or table.of_kind("text")
        if len(names) != 2:
            return None
        return Reading(0.0, {"source": "parallel", "languages": names})

    @classmethod
    def learn(cls, config: Config, examples: Examples) -> Task:
        """Return the task; it learns nothing before there is a vocabulary.

        Raises:
            InputError: examples without a translation.
        """
        if examples[0].get("target") is None:
            raise InputError(
                "translation needs pairs of sentences, got single texts; use data.source: parallel"
            )
        return cls(config)

    def texts(self, examples: Examples) -> list[str]:
        """Return the texts that the (source) vocabulary is learned from."""
        sides = ["text"] if self.config.target_vocabulary_size else ["text", "target"]
        return [example[side] for example in examples for side in sides]

    def set_tokenizer(self, tokenizer: Any, examples: Examples, make: Callable[..., Any]) -> None:
        """Take the tokenizers.

        Args:
            tokenizer: learned from `texts`.
            make: (vocabulary_size, texts) -> tokenizer.
        """
        self.tokenizer = self.target_tokenizer = tokenizer
        if self.config.target_vocabulary_size:
            targets = [example["target"] for example in examples]
            self.target_tokenizer = make(self.config.target_vocabulary_size, targets)

    @property
    def target_vocabulary_size(self) -> int | None:
        """Return the size of the target's own vocabulary; None where there is one for both."""
        own = self.target_tokenizer is not self.tokenizer
        return self.target_tokenizer.vocabulary_size if own else None

    def save(self, folder: Path) -> None:
        """Write the target's own tokenizer, if it has one."""
        if self.target_vocabulary_size is not None:
            self.target_tokenizer.save(Path(folder) / TARGET_FOLDER)

    @classmethod
    def load(cls, config: Config, folder: Path) -> Task:
        """Read what `save` wrote, and the source's tokenizer beside it."""
        from tfapps.text.tokenizer import Tokenizer

        task = cls(config)
        task.tokenizer = task.target_tokenizer = Tokenizer.load(folder)
        if config.target_vocabulary_size:
            task.target_tokenizer = Tokenizer.load(Path(folder) / TARGET_FOLDER)
        return task

    def encode(
        self, examples: Examples, tokenizer: Any, max_length: int
    ) -> tuple[dict[str, Any], int]:
        """Turn examples into columns, those of the target left out where there is none.

        Returns:
            token_ids (s,) with the end behind them; target_ids (t,), what the decoder reads, with
            the start before them; label_ids (t,), what it is to say, with the end behind them;
            pieces (rows,) float32, the length of the latter; and how many texts were cut.

        Raises:
            InputError: most of a text, or of all pairs, is in letters that the vocabulary lacks.
        """
        source = tokenizer.encode([e["text"] for e in examples], max_length=max_length - 1)
        _texts.check_script(examples, source.token_ids, tokenizer)
        end = np.array([tokenizer.end_id], np.int32)
        columns: dict[str, Any] = {"token_ids": [np.append(ids, end) for ids in source.token_ids]}
        truncated = source.truncated
        if all(example.get("target") is not None for example in examples):
            target_tokenizer = self.target_tokenizer
            texts = [e["target"] for e in examples]
            target = target_tokenizer.encode(texts, max_length=max_length - 1)
            truncated += target.truncated
            start = np.array([target_tokenizer.start_id], np.int32)
            end = np.array([target_tokenizer.end_id], np.int32)
            columns["target_ids"] = [np.concatenate([start, ids]) for ids in target.token_ids]
            columns["label_ids"] = [np.concatenate([ids, end]) for ids in target.token_ids]
            columns["pieces"] = np.array([len(ids) for ids in columns["label_ids"]], np.float32)
        return columns, truncated

    def frame(self, tokenizer: Any) -> tuple[int | None, ...]:
        """Return the end behind a text."""
        return None, tokenizer.end_id

    def answering(self) -> dict[str, Any]:
        """Return the ids that a translation starts and ends with."""
        target = self.target_tokenizer
        return {"outputs": {}, "start": target.start_id, "end": target.end_id}

    def attach(self, model: keras.Model) -> keras.Model:
        """Name the logits (b, t, v), in float32 whatever the precision."""
        import keras

        logits = keras.layers.Activation("linear", dtype="float32", name="logits")
        return keras.Model(model.input, logits(model.output["logits"]), name="translation")

    def loss(
        self, targets: dict[str, Any], logits: Any, *, label_smoothing: float = 0.0, **_: Any
    ) -> Any:
        """Return the mean cross-entropy of the pieces of each translation, (b,)."""
        from tfapps.metrics.cross_entropy import sequence_cross_entropy

        return sequence_cross_entropy(logits, targets["label_ids"], label_smoothing)

    def search(self, final: bool = True) -> Search:
        """Return how translations are looked for: at the end, or after an epoch."""
        config = self.config
        beam = config.beam if final else config.epoch_beam
        return Search(
            beam, config.length_penalty, config.coverage_penalty, min(config.n_best, beam)
        )

    def predict_metrics(
        self, outputs: Outputs, targets: dict[str, Any], examples: Examples
    ) -> dict[str, float]:
        """Judge translations: BLEU, chrF and TER of the best of each sentence."""
        references = [example["target"] for example in examples]
        return translation.scores(self._best(outputs, examples), references)

    def interval(self, outputs: Outputs, targets: Any, examples: Examples) -> Interval | None:
        """Return the 95 % interval of BLEU."""
        references = [example["target"] for example in examples]
        return translation.bleu_interval(self._best(outputs, examples), references)

    def report(
        self, outputs: Outputs, targets: dict[str, Any], examples: Examples
    ) -> tuple[dict[str, Any], str]:
        """Return scores with their signatures, and every sentence with its translation."""
        scores = self.predict_metrics(outputs, targets, examples)
        data: dict[str, Any] = {"scores": scores, "signatures": translation.signatures()}
        pairs = [(example["text"], example["target"]) for example in examples]
        lines = translation.report_lines(data, pairs, self._best(outputs, examples))
        numbered = "".join(map(fonts.legend_text, self._pieces(outputs[0][0], examples[0])))
        return data, "\n".join(lines) + "\n" + numbered

    def notes(
        self, outputs: Outputs, targets: dict[str, Any], examples: Examples, limit: int = 20
    ) -> dict[str, str]:
        """Return a markdown table of the first translations."""
        lines = ["| text | reference | translation |", "| --- | --- | --- |"]
        shown = examples[:limit]
        for example, best in zip(shown, self._best(outputs[:limit], shown), strict=True):
            cells = (example["text"], example["target"], best)
            lines.append(f"| {' | '.join(map(markdown, cells))} |")
        return {"translations": "\n".join(lines)}

    def pictures(
        self, outputs: Outputs, targets: dict[str, Any], examples: Examples
    ) -> dict[str, bytes]:
        """Draw where the first translation looked, if its model looks anywhere."""
        picture = self.attention_png(outputs, examples)
        return {"attention": picture} if picture else {}

    def attention_png(self, outputs: Outputs, examples: Examples) -> bytes | None:
        """Draw the attention of the first translation, source across; None if it has none."""
        from tfapps.metrics.pictures import attention_png

        answer = outputs[0][0]
        if answer.attention is None or not len(answer.token_ids):
            return None
        down, across = self._pieces(answer, examples[0])
        return attention_png(answer.attention[:, : len(across)], down, across)

    def _pieces(self, answer: Hypothesis, example: dict[str, Any]) -> tuple[list[str], list[str]]:
        """Return the pieces of a translation, and of its source; none without attention to draw."""
        if answer.attention is None:
            return [], []
        source = self.tokenizer.encode([example["text"]], max_length=answer.attention.shape[1])
        pieces, target_pieces = self.tokenizer.pieces(), self.target_tokenizer.pieces()
        across = [pieces[i] for i in source.token_ids[0]] + [pieces[self.tokenizer.end_id]]
        return [target_pieces[i] for i in answer.token_ids], across

    def decode(self, outputs: Outputs, examples: Examples) -> list[dict[str, Any]]:
        """Turn translations into answers, without Keras or TensorFlow.

        Returns:
            `{"translation", "score"}` a row, and with `n_best` over 1 `"n_best": [[text, score]]`.
        """
        answers = []
        for hypotheses, example in zip(outputs, examples, strict=True):
            candidates = [[self._text(one, example), round(one.score, 4)] for one in hypotheses]
            answer: dict[str, Any] = {"translation": candidates[0][0], "score": candidates[0][1]}
            if self.config.n_best > 1:
                answer["n_best"] = candidates
            answers.append(answer)
        return answers

    def _best(self, outputs: Outputs, examples: Examples) -> list[str]:
        return [self._text(one[0], e) for one, e in zip(outputs, examples, strict=True)]

    def _text(self, answer: Hypothesis, example: dict[str, Any]) -> str:
        """Return a translation's text; an unknown piece becomes the source word it attends to."""
        tokenizer = self.target_tokenizer
        places = np.flatnonzero(answer.token_ids == tokenizer.unknown_id)
        if not len(places) or answer.attention is None or not self.config.copy_unknown:
            return tokenizer.decode(answer.token_ids)
        words = self.tokenizer.words(example["text"])
        # The last place is the end of the sentence, which is no word.
        looked = answer.attention[places, : len(words)].argmax(axis=1)
        copies = {int(place): words[word] for place, word in zip(places, looked, strict=True)}
        return tokenizer.decode(answer.token_ids, copies)
