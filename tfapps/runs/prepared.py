"""Config -> everything a stage starts from: examples, task, tokenizer, encoded splits."""

from __future__ import annotations

import dataclasses
import functools
import itertools
import os
import tempfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tfapps import registry
from tfapps.bundle import manifest
from tfapps.bundle.bundle import Bundle
from tfapps.config.sections import RunConfig
from tfapps.data import draws, encoding, splits, unlabelled
from tfapps.data.corpora import Corpus
from tfapps.errors import InputError
from tfapps.features import padding
from tfapps.features.columns import Encoded
from tfapps.features.feature import Feature
from tfapps.runs import fingerprints
from tfapps.text.vocabulary import TooLargeError

if TYPE_CHECKING:
    from tfapps.data.pipeline import Batches
    from tfapps.data.staged import Staged
    from tfapps.text.tokenizer import Tokenizer

EVALUATION_BATCH = 64


@dataclass(frozen=True)
class Prepared:
    """What training, export and verify share.

    Attributes:
        rows: per split, as the source gave them.
        examples: the same as the task takes them: it may have cut rows into several.
        encoded: per split, in the same order.
        fingerprint: changes with anything that changes the trained weights.
    """

    config: RunConfig
    task: Any
    tokenizer: Tokenizer
    rows: dict[str, list[dict[str, Any]]]
    examples: dict[str, list[dict[str, Any]]]
    encoded: dict[str, Encoded]
    fingerprint: str
    _evaluated: dict[tuple[str, int], Batches] = field(default_factory=dict, init=False, repr=False)

    @property
    def features(self) -> tuple[Feature, ...]:
        """Return what the encoder reads of the columns."""
        return registry.features(self.config.model)

    @property
    def masking(self) -> Any:
        """Return what hides tokens of a batch, where the task hides some; else None."""
        from tfapps.data.masking import Masking

        settings = self.task.masking()
        return None if settings is None else Masking(**settings)

    @functools.cached_property
    def text_files(self) -> dict[str, str]:
        """Return the SHA-256 of each file that `save_text` writes, by its name in a bundle."""
        with tempfile.TemporaryDirectory() as root:
            self.save_text(Path(root) / "text")
            files = [path for path in Path(root).rglob("*") if path.is_file()]
            return {f.relative_to(root).as_posix(): manifest.digest(f) for f in sorted(files)}

    def save_text(self, folder: Path) -> None:
        """Write what turns texts into ids and outputs into answers: tokenizers and labels."""
        folder.mkdir()
        self.task.save(folder)
        self.tokenizer.save(folder)

    @property
    def _order_seed(self) -> int:
        seed = self.config.train.order_seed
        return self.config.seed if seed is None else seed

    def targets(self, split: str) -> dict[str, np.ndarray]:
        """Return the dense target columns of a split."""
        return {name: self.encoded[split].columns[name] for name in self.task.targets}

    def batches(
        self,
        split: str,
        *,
        batch_size: int,
        shuffle: bool,
        batch_tokens: int | None = None,
        multiple: int = 1,
        seed: int | None = None,
        extra: Mapping[str, np.ndarray] | None = None,
        per_label: int | None = None,
    ) -> Batches:
        """Return the one pipeline over a split.

        Args:
            batch_tokens: padded tokens of a batch, in place of `batch_size`.
            multiple: what the rows of such a batch are a multiple of.
            seed: of the order; the run's if left out.
            extra: target columns beside the task's, (rows, ...).
            per_label: rows of a label that come together in a batch.
        """
        from tfapps.data.pipeline import Batches

        extra = dict(extra or {})
        encoded = self.encoded[split]
        return Batches(
            dataclasses.replace(encoded, columns={**encoded.columns, **extra}),
            features=self.features,
            targets=(*self.task.targets, *extra),
            weight=self.task.weight_column,
            batch_size=batch_size,
            batch_tokens=batch_tokens,
            multiple=multiple,
            max_length=self.config.model.max_length,
            seed=self._order_seed if seed is None else seed,
            shuffle=shuffle,
            balance=None if per_label is None else ("label", per_label),
            change=self.masking,
        )

    def evaluation_batches(self, split: str, replicas: int = 1) -> Batches:
        """Return a split in batches in the order of its rows; made once for what is judged often.

        Args:
            replicas: that share each batch.
        """
        options = {"batch_size": EVALUATION_BATCH, "multiple": replicas, "shuffle": False}
        if split == "train":  # large, and asked for once
            return self.batches(split, **options)
        if (split, replicas) not in self._evaluated:
            self._evaluated[split, replicas] = self.batches(split, **options)
        return self._evaluated[split, replicas]

    def training_batches(self, replicas: int = 1, **overrides: Any) -> Batches | Staged:
        """Return the shuffled training split in batches of the config that replicas can share."""
        config = self.config.train
        options = {"batch_size": config.batch_size, "batch_tokens": config.batch_tokens}
        options |= {"multiple": replicas, "shuffle": True, "per_label": config.per_label}
        options |= overrides
        long = self.batches("train", **options)
        if config.short_first is None:
            return long
        from tfapps.data.staged import Stage, Staged

        length, folder = config.short_first, cache_folder()
        cut = encoding.encode(self.rows["train"], self.task, self.tokenizer, length, folder)
        shortened = dataclasses.replace(self, encoded={**self.encoded, "train": cut})
        short = shortened.batches("train", **options)
        shares = ((short, config.short_share), (long, 1.0 - config.short_share))
        stages = [
            Stage(batches, round(config.epochs * share * batches.steps_per_epoch))
            for batches, share in shares
        ]
        return Staged(stages, config.epochs)

    def arrays(self, split: str, rows: np.ndarray | None = None) -> dict[str, np.ndarray]:
        """Return features padded to the model's full length, {name: (rows, t)}."""
        return self.samples(split, rows)[0]

    def samples(
        self, split: str, rows: np.ndarray | None = None
    ) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
        """Return features padded to the model's full length, and targets: what the task hides.

        Args:
            rows: some of them; None is all.
        """
        features = padding.dense(self.encoded[split], self.features, rows)
        targets = self.targets(split)
        if self.task.masking() is None:  # `masking` runs on TensorFlow
            return features, targets
        if rows is not None:
            targets = {name: column[rows] for name, column in targets.items()}
        changed = self.masking(features, targets, (self.config.seed, 0))
        return tuple({n: np.asarray(value) for n, value in part.items()} for part in changed)


def load_rows(config: RunConfig) -> dict[str, Any]:
    """Return the rows of each split, those to train on drawn as the config says."""
    rows = splits.load(config.data, config.rows_seed)
    _check_kind(config, registry.load("task", config.task.name), rows["train"])
    rows["train"] = draws.drawn(config.draw, rows["train"])
    return rows


def prepare(
    config: RunConfig, bundle: Bundle | None = None, rows: dict[str, Any] | None = None
) -> Prepared:
    """Load and encode the data; task and tokenizer are learned, or taken from a bundle.

    Args:
        rows: what `load_rows` returned, if that was called before.
    """
    config = config.model_copy(update={"search": None})  # no bundle is the search of another
    task_module = registry.load("task", config.task.name)
    rows = load_rows(config) if rows is None else rows
    if bundle is None:
        task = task_module.Task.learn(config.task, rows["train"])
        make = functools.partial(_tokenizer, config)
        tokenizer = _learned(
            config, make, lambda: (task.texts(rows["train"]), unlabelled.texts(config))
        )
        task.set_tokenizer(tokenizer, rows["train"], make)
    else:
        from tfapps.text.tokenizer import Tokenizer

        task = task_module.Task.load(config.task, bundle.text)
        tokenizer = Tokenizer.load(bundle.text)
    examples, encoded = _encoded(config, task, tokenizer, rows)
    for name, part in encoded.items():
        if part.truncated:
            print(
                f"{name}: {part.truncated} texts of {len(part)} rows cut to "
                f"{config.model.max_length} tokens"
            )
    if bundle is None:
        digest = fingerprints.fingerprint(config, rows)
    else:
        digest = fingerprints.of_bundle(config, rows, bundle)
    return Prepared(config, task, tokenizer, rows, examples, encoded, digest)


def refuse_ensemble(config: RunConfig) -> None:
    """Refuse a config with an ensemble, which is more than one run.

    Raises: InputError for a config with an `ensemble:` section.
    """
    if config.ensemble is not None:
        raise InputError(
            f"{config.name}: has an ensemble section; use `tfapps ensemble`, or take it out"
        )


def _check_kind(config: RunConfig, task: Any, rows: Any) -> None:
    """Check that running text goes to tasks that hide words of it, and rows to the others."""
    if isinstance(rows, Corpus) and not task.Task.running_text:
        raise InputError(
            f"data.source: got {config.data.source}, which is running text, but "
            f"{config.task.name} needs rows; use a source of rows, or task masked_lm"
        )


def retokenized(prepared: Prepared, tokenizer: Tokenizer) -> Prepared:
    """Return the same data as another tokenizer encodes it."""
    examples, encoded = _encoded(prepared.config, prepared.task, tokenizer, prepared.rows)
    return dataclasses.replace(prepared, tokenizer=tokenizer, examples=examples, encoded=encoded)


def _encoded(
    config: RunConfig, task: Any, tokenizer: Tokenizer, rows: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, Encoded]]:
    """Return the examples by split, and their columns."""
    length = config.model.max_length
    examples = {name: task.expand(part, tokenizer, length) for name, part in rows.items()}
    encoded = {
        name: encoding.encode(some, task, tokenizer, length, cache_folder())
        for name, some in examples.items()
    }
    return examples, encoded


def cache_folder() -> Path:
    """Return where encoded data is kept: $TFAPPS_CACHE, else `.cache/tfapps` here."""
    return Path(os.environ.get("TFAPPS_CACHE", ".cache/tfapps"))


def _learned(
    config: RunConfig,
    make: Callable[[int, Iterable[str]], Tokenizer],
    texts: Callable[[], Iterable[Iterable[str]]],
) -> Tokenizer:
    """Return the tokenizer of a config; the default vocabulary is as large as the texts allow."""
    size = config.text.vocabulary_size
    try:
        return make(size, itertools.chain.from_iterable(texts()))
    except TooLargeError as error:
        if "vocabulary_size" in config.text.model_fields_set:
            raise
        print(f"text.vocabulary_size: {error.possible}, all that the text fills of {size}")
        return make(error.possible, itertools.chain.from_iterable(texts()))


def _tokenizer(config: RunConfig, size: int, texts: Iterable[str]) -> Tokenizer:
    text = config.text.model_copy(update={"vocabulary_size": size})
    return registry.plugin("model", config.model.name).tokenizer(config.model, text, texts)
