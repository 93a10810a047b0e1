"""The optimizer steps of a fit, cut into the stretches between evaluations."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfapps.config.sections import TrainConfig
from tfapps.errors import Diverged, Failure, InputError
from tfapps.printable import shortened
from tfapps.processes import signals
from tfapps.train.checkpoint import packed, unpacked
from tfapps.train.progress import Progress
from tfapps.train.step import Report, Step
from tfapps.train.strategy import distribute
from tfapps.train.tensorboard import Writer

SHOWN = 8  # rows


@dataclass(frozen=True)
class Stretch:
    """Steps up to number `step`, the first is 1: mean loss, rate of the last, speed, seconds."""

    step: int
    loss: float
    learning_rate: float
    per_second: float
    seconds: float


class Steps:
    """Runs the steps of an epoch and reports them to callbacks, TensorBoard and the progress bar.

    Args:
        step: one (micro-)batch -> report (4,), or None without an update.
        batches: as those of `loop.fit`.
    """

    def __init__(
        self,
        step: Step,
        config: TrainConfig,
        batches: Any,
        callbacks: keras.callbacks.CallbackList,
        writer: Writer,
        progress: Progress,
    ) -> None:
        self.step, self.config, self.batches = step, config, batches
        self.callbacks, self.writer, self.progress = callbacks, writer, progress
        self.done = 0
        self.batch = 0  # of the epoch, the next one
        self.windows: list[np.ndarray] = []  # reports since the last evaluation
        self.seconds, self.started = 0.0, time.perf_counter()
        self.paused: Callable[[], None] = lambda: None
        self.per_step = any(wants_steps(callback) for callback in callbacks.callbacks)

    def epoch(self, epoch: int) -> Iterator[Stretch]:
        """Run epoch `epoch`, counted from 1, and pause wherever the model is to be evaluated.

        That is every `evaluate_every` steps of the fit, and at the end of the epoch. After `take`
        it resumes from the restored position.
        """
        self.progress.start(epoch)
        self.started = time.perf_counter()
        if self.windows and self._pending():
            yield self._stretch()
        for window in self._windows(epoch):
            self.windows.append(window)
            if self._pending():
                yield self._stretch()
            else:
                self.paused()
        self.batch = 0

    def _pending(self) -> bool:
        """Return whether an evaluation is due before the next step."""
        return self._due() or self.batch == self.batches.steps_per_epoch

    def judged(self) -> None:
        """Begin the next stretch after an evaluation."""
        self.windows, self.seconds, self.started = [], 0.0, time.perf_counter()

    def state(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """Return the position between two steps, for a checkpoint."""
        seconds = self.seconds + time.perf_counter() - self.started
        notes = {"done": self.done, "batch": self.batch, "seconds": seconds}
        return packed("windows", self.windows), notes

    def take(self, arrays: Mapping[str, np.ndarray], notes: Mapping[str, Any]) -> None:
        """Restore the position that `state` returned."""
        self.windows = unpacked("windows", arrays)
        self.done, self.batch = notes["done"], notes["batch"]
        self.seconds = notes["seconds"]

    def _due(self) -> bool:
        interval = self.config.evaluate_every
        return interval is not None and self.done % interval == 0

    def _stretch(self) -> Stretch:
        seconds = self.seconds + time.perf_counter() - self.started
        reports = np.concatenate(self.windows)
        loss, rows = reports[:, 0], reports[:, 1]
        return Stretch(
            step=self.done,
            loss=float(np.sum(loss * rows) / max(np.sum(rows), 1e-9)),
            learning_rate=float(reports[-1, 3]),
            per_second=float(np.sum(rows)) / seconds,
            seconds=seconds,
        )

    def _windows(self, epoch: int) -> Iterator[np.ndarray]:
        """Yield reports (steps, 4) of up to `log_every` steps, never beyond an evaluation.

        Each report waits for the device once.
        """
        waiting: list[tf.Tensor] = []
        started = time.perf_counter()
        for report in self._steps(epoch):
            waiting.append(report)
            self.done += 1
            self.progress.step()
            if len(waiting) == self.config.log_every or self._due() or signals.pending():
                yield self._flush(waiting, time.perf_counter() - started)
                waiting, started = [], time.perf_counter()
        if waiting:
            yield self._flush(waiting, time.perf_counter() - started)

    def _steps(self, epoch: int) -> Iterator[tf.Tensor]:
        """Run the rest of the epoch, one report (4,) per optimizer step."""
        total, group = self.batches.steps_per_epoch, self.config.accumulate
        dataset = distribute(self.step.strategy, self.batches, epoch - 1, self.batch)
        for index, batch in _numbered(dataset, total, self.batch):
            if self.per_step and index % group == 0:
                self.callbacks.on_train_batch_begin(index // group)
            last = index + 1 == total
            try:
                report = self.step(batch, update=last or (index + 1) % group == 0)
            except tf.errors.ResourceExhaustedError:
                most = self.batches.batch_size
                raise Failure(_too_large(batch, index + 1, self.config, most)) from None
            if report is None:
                continue
            if self.per_step:
                logs = Report(*report.numpy().tolist())
                self.callbacks.on_train_batch_end(
                    index // group, {"loss": logs.loss, "learning_rate": logs.learning_rate}
                )
            self.batch = index + 1
            yield report

    def _check(self, reports: np.ndarray) -> None:
        """Check that loss and gradient of all steps are finite.

        Raises: Diverged naming the batch.
        """
        finite = np.isfinite(reports[:, 0])
        if self.config.precision != "mixed_float16":  # which skips such a gradient
            finite &= np.isfinite(reports[:, 2])
        if finite.all():
            return
        first = int(np.argmin(finite))
        back = (len(reports) - 1 - first) * self.config.accumulate
        step, batch = self.done - len(reports) + first + 1, max(self.batch - back, 1)
        quantity = "loss" if not np.isfinite(reports[first, 0]) else "gradient"
        value = reports[first, 0 if quantity == "loss" else 2]
        rate = self.config.learning_rate
        raise Diverged(
            f"the {quantity} became {value} at step {step}, batch {batch} of its epoch"
            f"{self._rows(step, batch)}: expected a finite number; lower train.learning_rate (now "
            f"{rate:g}, try {rate / 10:g}), set train.clip_norm or train.retries; the best weights "
            "so far were kept"
        )

    def _rows(self, step: int, batch: int) -> str:
        """Return the first rows of a batch, for the error message."""
        if not hasattr(self.batches, "rows_of"):
            return ""
        epoch = (step - 1) // updates(self.batches, self.config)
        rows = self.batches.rows_of(epoch, batch - 1)
        return f" (training rows {shortened(rows, SHOWN)})"

    def _flush(self, waiting: Sequence[tf.Tensor], seconds: float) -> np.ndarray:
        reports = np.stack([report.numpy() for report in waiting])
        self._check(reports)
        last = Report(*reports[-1].tolist())
        speed = float(reports[:, 1].sum()) / max(seconds, 1e-9)
        self.progress.figures(last.loss, speed)
        self.writer.scalars(
            {
                "train/loss": float(reports[:, 0].mean()),
                "train/learning_rate": last.learning_rate,
                "train/gradient_norm": last.gradient_norm,
                f"train/{self.progress.unit}_per_second": speed,
            },
            self.done,
        )
        return reports


def updates(batches: Any, config: TrainConfig) -> int:
    """Return the number of optimizer steps of an epoch."""
    return math.ceil(batches.steps_per_epoch / config.accumulate)


def total_steps(batches: Any, config: TrainConfig) -> int:
    """Return the number of optimizer steps of a fit."""
    return config.epochs * updates(batches, config)


def wants_steps(callback: keras.callbacks.Callback) -> bool:
    """Return whether a callback needs single steps; if none does, no step waits for its loss."""
    base = keras.callbacks.Callback
    return any(
        getattr(getattr(callback, name), "__func__", None) is not getattr(base, name)
        for name in ("on_train_batch_begin", "on_train_batch_end", "on_batch_begin", "on_batch_end")
    )


def _too_large(batch: Any, number: int, config: TrainConfig, most: int) -> str:
    """Return the out-of-memory message; `most` is the rows of the largest batch."""
    ids = tf.nest.flatten(batch[0])[0]
    shape = getattr(ids, "shape", None)  # unknown for replicas
    size = f", {shape[0]} rows of {shape[1]} tokens" if shape is not None and len(shape) > 1 else ""
    name, size_now = "batch_size", min(config.batch_size, most)
    if config.batch_tokens is not None:
        name, size_now = "batch_tokens", config.batch_tokens
    return (
        f"out of memory at batch {number} of its epoch{size}; halve train.{name} (now {size_now}, "
        f"try {max(size_now // 2, 1)}) and double train.accumulate (now {config.accumulate}), "
        "which trains the same weights, or lower model.max_length"
    )


def _numbered(dataset: Iterable[Any], steps: int, start: int = 0) -> Iterator[tuple[int, Any]]:
    """Yield (index, batch) from `start` on of an epoch of exactly `steps` batches."""
    count = start
    for count, batch in enumerate(dataset, start=start + 1):
        if count > steps:
            raise InputError(f"batches: an epoch has more than its {steps} steps")
        yield count - 1, batch
    if count < steps:
        raise InputError(f"batches: an epoch has {count} batches, expected {steps} steps")
