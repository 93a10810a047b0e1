"""Masked language modelling: hidden words of running text are guessed, to pre-train an encoder."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from pydantic import Field

from tfapps import registry
from tfapps.config.effects import ANSWERS
from tfapps.config.sections import Section
from tfapps.errors import InputError
from tfapps.features.feature import Feature
from tfapps.metrics import guesses
from tfapps.metrics.intervals import Interval
from tfapps.metrics.probability import softmax
from tfapps.printable import markdown
from tfapps.tasks import _guessing, _packing, base
from tfapps.tasks.base import logits_of

if TYPE_CHECKING:
    import keras

PLACES = "masked_places"
GAP = "[MASK]"  # how a hidden word is written in a text
GAPS = "gaps"  # how many of a text are read
Outputs = Mapping[str, np.ndarray]


class Config(Section):
    """`task:` of a pre-training run.

    Attributes:
        pairs: what is learned of two parts of a row beside the hidden words: whether the second
            follows (`next`), whether they are in order (`order`), or nothing.
        rate: share of the tokens that are hidden.
        whole_words: hide all pieces of a word, or none.
        top_k: guesses that `predict` gives for a gap.
    """

    name: str = "masked_lm"
    pairs: Literal["none", "next", "order"] = "none"
    rate: float = Field(default=0.15, gt=0, lt=1)
    whole_words: bool = True
    top_k: Annotated[int, ANSWERS] = Field(default=5, ge=1)


class Task(base.Task):
    """How text becomes rows, what is hidden in them, and how guesses are judged and written."""

    exported = ()  # it is the preset of other runs
    not_compressed = "compress the runs that use it as their preset"
    running_text = reduces = True
    # The table of the embeddings, where it is the output matrix, belongs to the encoder.
    heads = ("head",)
    features = (Feature(PLACES),)
    weight_column = "pieces"
    unit = "tokens"
    rows_at_once = 8  # each gap has logits for all pieces

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self.targets = () if config.pairs == "none" else ("label",)
        self.outputs = ("logits",) if config.pairs == "none" else ("logits", "pair")

    @classmethod
    def misfit(cls, model: Any) -> str | None:
        """Return why a model that sees letters does not fit."""
        return "the letters of a hidden word would reveal it" if "letters" in model.parts else None

    @classmethod
    def learn(cls, config: Config, corpus: Any) -> Task:
        """Return the task; it learns nothing before there is a vocabulary.

        Raises:
            InputError: the data is no running text.
        """
        if not hasattr(corpus, "sentences"):
            raise InputError("masked_lm needs running text, got rows; use data.source: corpus")
        return cls(config)

    def texts(self, corpus: Any) -> Iterable[str]:
        """Return what a vocabulary is learned from, a sentence at a time."""
        return corpus.sentences()

    def set_tokenizer(self, tokenizer: Any, corpus: Any, make: Callable[..., Any]) -> None:
        """Take the tokenizer.

        Raises:
            InputError: it has no piece that stands for a hidden one, or the model sees more of
                words than their pieces.
        """
        if tokenizer.surface:
            raise InputError(
                f"masked_lm hides words, but the model reads their {', '.join(tokenizer.surface)}; "
                "leave model.case out, and set it in the run that takes this one as its preset"
            )
        if tokenizer.mask_id is None:
            raise InputError(
                f"text.tokenizer: {tokenizer.kind} has no {GAP}; masked_lm needs wordpiece"
            )
        self.tokenizer = tokenizer

    @classmethod
    def load(cls, config: Config, folder: Path) -> Task:
        """Take the tokenizer that lies in the folder."""
        from tfapps.text.tokenizer import Tokenizer

        task = cls(config)
        task.set_tokenizer(Tokenizer.load(folder), None, None)
        return task

    def masking(self) -> dict[str, Any]:
        """Return what says how tokens are hidden, see `tfapps.data.masking`."""
        tokenizer, continues = self.tokenizer, None
        if self.config.whole_words:
            continues = np.array([piece.startswith("##") for piece in tokenizer.pieces()])
        never = {*tokenizer.special_ids, tokenizer.pad_id, tokenizer.unknown_id}
        settings = {"never": never, "continues": continues, "rate": self.config.rate}
        return {
            "mask_id": tokenizer.mask_id,
            "vocabulary_size": tokenizer.vocabulary_size,
            **settings,
        }

    def expand(self, examples: Any, tokenizer: Any, max_length: int) -> Any:
        """Note how many gaps of each text the model reads; running text stays as it is."""
        if hasattr(examples, "sentences"):
            return examples
        columns, _ = self._with_gaps([example["text"] for example in examples], max_length)
        pairs = zip(examples, columns[PLACES], strict=True)
        return [{**example, GAPS: len(places)} for example, places in pairs]

    def encode(self, examples: Any, tokenizer: Any, max_length: int) -> tuple[dict[str, Any], int]:
        """Turn documents into columns, nothing hidden yet; or texts with gaps, as they are.

        Returns:
            token_ids, segment_ids (t,); pieces (rows,) float32, the length of a row; with pairs
            label (rows,) int32, 1 for those that are as they were; for texts masked_places (m,);
            and how many texts were cut.
        """
        if isinstance(examples[0], Mapping):
            return self._with_gaps([example["text"] for example in examples], max_length)
        rows = _packing.rows(examples, tokenizer, max_length, self.config.pairs)
        columns: dict[str, Any] = {
            name: [row[i] for row in rows] for i, name in enumerate(("token_ids", "segment_ids"))
        }
        columns["pieces"] = np.array([len(row[0]) for row in rows], np.float32)
        if self.targets:
            columns["label"] = np.array([label for _, _, label in rows], np.int32)
        return columns, 0

    def _with_gaps(self, texts: Sequence[str], max_length: int) -> tuple[dict[str, Any], int]:
        tokenizer, room = self.tokenizer, max_length - self.tokenizer.frame_size
        token_ids, places, cut = [], [], 0
        for text in texts:
            parts = [tokenizer.ids([part])[0] if part.strip() else [] for part in text.split(GAP)]
            ids = _packing.joined(parts, tokenizer.mask_id)
            cut += len(ids) > room
            framed, _ = tokenizer.framed(ids[:room])
            token_ids.append(framed)
            places.append(np.flatnonzero(framed == tokenizer.mask_id).astype(np.int32))
        zeros = [np.zeros_like(ids) for ids in token_ids]
        return {"token_ids": token_ids, "segment_ids": zeros, PLACES: places}, cut

    def attach(self, encoder: keras.Model) -> keras.Model:
        """Guess what stands at `masked_places` (b, m): `logits` (b, m, v), and `pair` (b, 2).

        The output matrix is the table of the embeddings where they can be used so.
        """
        import keras

        from tfapps.layers.at_places import AtPlaces
        from tfapps.layers.bias import Bias
        from tfapps.layers.linear import Linear

        batch, length = encoder.input["token_ids"].shape
        most = None if length is None else max(1, round(self.config.rate * length))
        places = keras.Input((most,), batch_size=batch, dtype="int32", name=PLACES)
        table = encoder.get_layer("embeddings")
        x = AtPlaces(name="hidden_places")(encoder.output["sequence"], places)
        width = getattr(table, "units", None) or table.output_dim
        x = _guessing.transform(x, width)
        if hasattr(table, "units"):
            x = Bias(name=_guessing.BIAS)(table(x, project=True))
        else:
            x = Linear(table.input_dim, name=_guessing.OF_ITS_OWN)(x)
        logits = keras.layers.Activation("linear", dtype="float32", name="logits")(x)
        inputs = {**encoder.input, PLACES: places}
        if self.config.pairs == "none":
            return keras.Model(inputs, logits, name="masked_lm")
        pair = Linear(2, name="head_pair")(encoder.output["pooled"])
        pair = keras.layers.Activation("linear", dtype="float32", name="pair")(pair)
        return keras.Model(inputs, {"logits": logits, "pair": pair}, name="masked_lm")

    def start_head(
        self, model: keras.Model, embed: Callable[..., Any], examples: Any, run: Any
    ) -> None:
        """Start from the head of the preset, else from what counting the corpus tells."""
        preset = registry.plugin("model", run.model.name).preset(run.model)
        _guessing.start(model, preset, examples.sentences(), self.tokenizer.ids, run.seed)

    def loss(
        self, targets: dict[str, Any], outputs: Any, *, label_smoothing: float = 0.0, **_: Any
    ) -> Any:
        """Return the loss a hidden token of each row, plus that of the pair, (b,)."""
        from tfapps.metrics.cross_entropy import sequence_cross_entropy, softmax_cross_entropy

        truth = targets["masked_ids"]
        loss = sequence_cross_entropy(logits_of(outputs), truth, label_smoothing)
        if self.targets:
            loss = loss + softmax_cross_entropy(outputs["pair"], targets["label"], 2, 0.0)
        return loss

    def reduce(self, targets: dict[str, Any], outputs: Any) -> dict[str, Any]:
        """Return what is judged of outputs whose logits would fill the memory, on `keras.ops`.

        Shapes: `truth` (b, m), ids of hidden tokens, 0 for none; `best` (b, m), the guesses;
        `log_prob` (b, m) of the truth; with pairs `label` (b,) and `said` (b,).
        """
        from keras import ops

        logits = logits_of(outputs)
        truth = ops.convert_to_tensor(targets["masked_ids"])
        log_probs = ops.log_softmax(ops.cast(logits, "float32"), axis=-1)
        right = ops.take_along_axis(log_probs, ops.expand_dims(truth, -1), axis=-1)[..., 0]
        reduced = {"truth": truth, "best": ops.argmax(logits, axis=-1), "log_prob": right}
        if self.targets:
            reduced["label"] = ops.convert_to_tensor(targets["label"])
            reduced["said"] = ops.argmax(outputs["pair"], axis=-1)
        return reduced

    def predict_metrics(
        self, outputs: Outputs, targets: dict[str, Any], examples: Any
    ) -> dict[str, float]:
        """Judge guesses, as `reduce` returns them: `accuracy` and `perplexity` of hidden tokens."""
        figures = guesses.scores(outputs)
        if self.targets:
            figures["pair_accuracy"] = float((outputs["said"] == outputs["label"]).mean())
        return figures

    def interval(self, outputs: Outputs, targets: Any, examples: Any) -> Interval | None:
        """Return the 95 % interval of the accuracy."""
        return guesses.interval(outputs)

    def report(
        self, outputs: Outputs, targets: dict[str, Any], examples: Any
    ) -> tuple[dict[str, Any], str]:
        """Return the figures, and the tokens that were missed most."""
        figures = self.predict_metrics(outputs, targets, examples)
        lines = [f"{name} {value:.4f}" for name, value in figures.items()]
        lines += ["", *guesses.missed(outputs, self.tokenizer.pieces())]
        return figures, "\n".join(lines) + "\n"

    def notes(
        self, outputs: Outputs, targets: Any, examples: Any, limit: int = 40
    ) -> dict[str, str]:
        """Return a markdown table of the first guesses."""
        pieces = self.tokenizer.pieces()
        lines = ["| hidden | guess | probability of the hidden one |", "| --- | --- | --- |"]
        for place in map(tuple, np.argwhere(outputs["truth"] > 0)[:limit]):
            shown = [pieces[int(outputs[name][place])] for name in ("truth", "best")]
            cells = " | ".join(map(markdown, shown))
            lines.append(f"| {cells} | {np.exp(outputs['log_prob'][place]):.3f} |")
        return {"guesses": "\n".join(lines)}

    def projection(self, model: keras.Model) -> tuple[np.ndarray, list[str]]:
        """Return the table of the embeddings (v, d) and the pieces it is of."""
        return np.asarray(model.get_layer("embeddings").weights[0]), self.tokenizer.pieces()

    def decode(self, outputs: Any, examples: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        """Turn logits into guesses, without Keras or TensorFlow.

        Returns:
            `{"filled", "gaps": [[[piece, probability], ...], ...]}` a text: the text with the best
            guesses in it, and the best of each gap. Gaps behind what the model reads stay gaps.
        """
        logits = logits_of(outputs)
        pieces = self.tokenizer.pieces()
        answers = []
        for row, example in zip(logits, examples, strict=True):
            parts = example["text"].split(GAP)
            gaps = []
            for shares in softmax(row[: example.get(GAPS, len(parts) - 1)]):
                best = np.argsort(-shares, kind="stable")[: self.config.top_k]
                gaps.append([[pieces[i], round(float(shares[i]), 4)] for i in best])
            words = [gap[0][0] for gap in gaps] + [GAP] * (len(parts) - 1 - len(gaps))
            filled = "".join(map("".join, zip(parts, [*words, ""], strict=True)))
            answers.append({"filled": filled, "gaps": gaps})
        return answers
