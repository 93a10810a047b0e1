"""The one fit: own loop over `strategy.run`, Keras callbacks, best weights kept."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TextIO

import keras
import numpy as np
import tensorflow as tf

from tfapps.config import TrainConfig
from tfapps.errors import Failure, InputError
from tfapps.train import optimizer as optimizers
from tfapps.train import schedules
from tfapps.train.best import Best
from tfapps.train.evaluation import Evaluation
from tfapps.train.history import Epoch, History
from tfapps.train.progress import Progress, line
from tfapps.train.step import Objective, Report, Step
from tfapps.train.strategy import check_batch_size, distribute
from tfapps.train.tensorboard import Writer

__all__ = ["Epoch", "Evaluation", "History", "fit"]


def fit(
    model: keras.Model,
    *,
    config: TrainConfig,
    objective: Objective,
    batches: Any,
    strategy: tf.distribute.Strategy,
    evaluate: Callable[[], Evaluation],
    headline: str,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    log_dir: Path | None = None,
    hparams: Mapping[str, Any] | None = None,
    best_from: int = 1,
    stream: TextIO | None = None,
) -> History:
    """Fit `model` (built inside `strategy.scope()`) and leave it with its best weights.

    Best is the highest `headline` of `evaluate`, called once an epoch; of equals the earlier.
    Same model, seed and batches: same weights.

    Args:
        objective: (model, features, targets, training) -> (loss per example (b,), logits).
        batches: `.steps_per_epoch`, `.epoch(e)` -> dataset of (features, targets, weight (b,)).
        callbacks: Keras callbacks; logs hold `loss`, `learning_rate` and `val_<metric>`. What a
            `scalars()` of theirs gives goes to TensorBoard once an epoch.
        hparams: shown in TensorBoard beside the headline.
        best_from: first epoch that may be the best; those before it are not yet what is wanted.
            0 is the model as it came.
        stream: where progress goes; standard error if None.

    Raises: InputError for a batch that replicas cannot share, Failure for a loss that is not a
    finite number (the best weights so far are back in the model then).
    """
    check_batch_size(strategy, config.batch_size)
    with Writer(log_dir) as writer:
        run = _Run(model, config, objective, batches, strategy, callbacks, writer)
        run.progress = Progress(config.epochs, run.updates, stream)
        if hparams is not None:
            writer.hparams(hparams, f"dev/{headline}")
        try:
            return run.go(evaluate, headline, best_from)
        finally:
            run.progress.close()


class _Run:
    """State of one fit."""

    progress: Progress

    def __init__(
        self,
        model: keras.Model,
        config: TrainConfig,
        objective: Objective,
        batches: Any,
        strategy: tf.distribute.Strategy,
        callbacks: Sequence[keras.callbacks.Callback],
        writer: Writer,
    ) -> None:
        self.model, self.config, self.batches = model, config, batches
        self.strategy, self.writer = strategy, writer
        self.updates = math.ceil(batches.steps_per_epoch / config.accumulate)
        self.done = 0
        with strategy.scope():
            optimizer = _optimizer(config, self.updates * config.epochs)
            # Callbacks look for `model.optimizer`; compiling is the public way to set it.
            model.compile(optimizer=optimizer)
        spec = distribute(strategy, batches.epoch(0)).element_spec
        self.step = Step(
            model,
            objective,
            optimizer,
            strategy,
            spec=spec,
            rows=config.batch_size,
            clip_norm=config.clip_norm,
            l2=config.l2,
            accumulate=config.accumulate,
        )
        self.callbacks = keras.callbacks.CallbackList(
            list(callbacks), model=model, epochs=config.epochs, steps=self.updates
        )
        self.per_step = any(_wants_steps(callback) for callback in callbacks)

    def go(self, evaluate: Callable[[], Evaluation], headline: str, best_from: int = 1) -> History:
        """All epochs; the best weights are back whatever happens."""
        history = History(headline)
        best = Best(self.model, self.config.average)
        self.model.stop_training = False
        if best_from == 0:
            start = self._judged(evaluate, headline).metrics[headline]
            if history.beaten_by(start):  # which a NaN does not
                history.best = start
            best.offer(start)
            self.progress.end(f"epoch 0/{self.config.epochs}  {headline} {start:.3f}")
        self.callbacks.on_train_begin()
        try:
            for epoch in range(1, self.config.epochs + 1):
                self.callbacks.on_epoch_begin(epoch - 1)
                record, evaluation = self._epoch(epoch, evaluate, headline)
                history.epochs.append(record)
                value = record.metrics[headline]
                if epoch >= best_from:
                    best.offer(value)
                    if history.beaten_by(value):
                        history.best, history.best_epoch = value, epoch
                self._tell(record, evaluation)
                patience = self.config.patience
                if patience is not None and epoch - history.best_epoch >= patience:
                    history.stopped_early = epoch < self.config.epochs
                    break
                if self.model.stop_training:
                    history.stopped_early = epoch < self.config.epochs
                    break
            self.callbacks.on_train_end()
        finally:
            best.restore()
        if best.several:
            value = best.average(history, lambda: self._judged(evaluate, headline))
            self.progress.end(f"mean of the best epochs  {headline} {value:.3f}")
        return history

    def _epoch(
        self, epoch: int, evaluate: Callable[[], Evaluation], headline: str
    ) -> tuple[Epoch, Evaluation]:
        self.progress.start(epoch)
        started = time.perf_counter()
        reports = np.concatenate(list(self._windows(epoch)))
        seconds = time.perf_counter() - started
        evaluation = self._judged(evaluate, headline)
        loss, rows = reports[:, 0], reports[:, 1]
        record = Epoch(
            epoch=epoch,
            loss=float(np.sum(loss * rows) / max(np.sum(rows), 1e-9)),
            metrics=dict(evaluation.metrics),
            learning_rate=float(reports[-1, 3]),
            examples_per_second=float(np.sum(rows)) / seconds,
            seconds=seconds,
        )
        return record, evaluation

    def _judged(self, evaluate: Callable[[], Evaluation], headline: str) -> Evaluation:
        evaluation = evaluate()
        if headline not in evaluation.metrics:
            raise InputError(
                f"headline metric '{headline}' is not among those evaluated: "
                f"{', '.join(evaluation.metrics)}"
            )
        return evaluation

    def _windows(self, epoch: int) -> Iterator[np.ndarray]:
        """Reports (steps, 4) of up to `log_every` steps at a time: one wait for the device each."""
        waiting: list[tf.Tensor] = []
        started = time.perf_counter()
        for report in self._steps(epoch):
            waiting.append(report)
            self.done += 1
            self.progress.step()
            if len(waiting) == self.config.log_every:
                yield self._flush(waiting, time.perf_counter() - started)
                waiting, started = [], time.perf_counter()
        if waiting:
            yield self._flush(waiting, time.perf_counter() - started)

    def _steps(self, epoch: int) -> Iterator[tf.Tensor]:
        """Run the epoch, one report (4,) per optimizer step."""
        dataset = distribute(self.strategy, self.batches.epoch(epoch - 1))
        group = self.config.accumulate
        for index, batch in _numbered(dataset, self.batches.steps_per_epoch):
            if self.per_step and index % group == 0:
                self.callbacks.on_train_batch_begin(index // group)
            last = index + 1 == self.batches.steps_per_epoch
            report = self.step(batch, update=last or (index + 1) % group == 0)
            if report is None:
                continue
            if self.per_step:
                logs = Report(*report.numpy().tolist())
                self.callbacks.on_train_batch_end(
                    index // group, {"loss": logs.loss, "learning_rate": logs.learning_rate}
                )
            yield report

    def _flush(self, waiting: Sequence[tf.Tensor], seconds: float) -> np.ndarray:
        reports = np.stack([report.numpy() for report in waiting])
        finite = np.isfinite(reports[:, 0])
        if not finite.all():
            first = int(np.argmin(finite))
            step = self.done - len(waiting) + first + 1
            rate = self.config.learning_rate
            raise Failure(
                f"the loss became {reports[first, 0]} at step {step}: expected a finite number; "
                f"lower train.learning_rate (now {rate:g}, try {rate / 10:g}) or set "
                "train.clip_norm; the best weights so far were kept"
            )
        last = Report(*reports[-1].tolist())
        speed = float(reports[:, 1].sum()) / max(seconds, 1e-9)
        self.progress.figures(last.loss, speed)
        self.writer.scalars(
            {
                "train/loss": float(reports[:, 0].mean()),
                "train/learning_rate": last.learning_rate,
                "train/gradient_norm": last.gradient_norm,
                "train/examples_per_second": speed,
            },
            self.done,
        )
        return reports

    def _tell(self, record: Epoch, evaluation: Evaluation) -> None:
        """An epoch is over: callbacks, TensorBoard, the person watching."""
        self.callbacks.on_epoch_end(
            record.epoch - 1,
            {
                "loss": record.loss,
                "learning_rate": record.learning_rate,
                **{f"val_{name}": value for name, value in record.metrics.items()},
            },
        )
        self.writer.evaluation(evaluation, self.done)
        for callback in self.callbacks.callbacks:
            if hasattr(callback, "scalars"):
                self.writer.scalars(callback.scalars(), self.done)
        if record.epoch == 1:
            self.writer.graph(self.model)
        self.writer.flush()
        self.progress.end(
            line(
                record.epoch,
                self.config.epochs,
                loss=record.loss,
                metrics=record.metrics,
                learning_rate=record.learning_rate,
                examples_per_second=record.examples_per_second,
                seconds=record.seconds,
            )
        )


def _optimizer(config: TrainConfig, steps: int) -> keras.optimizers.Optimizer:
    head = config.head_learning_rate
    return optimizers.make(
        schedules.make(config.schedule, config.learning_rate, steps, config.warmup),
        weight_decay=config.weight_decay,
        head_factor=1.0 if head is None else head / config.learning_rate,
        loss_scaling=config.precision == "mixed_float16",
    )


def _wants_steps(callback: keras.callbacks.Callback) -> bool:
    """Whether a callback listens to single steps: if none does, no step waits for its loss."""
    base = keras.callbacks.Callback
    return any(
        getattr(getattr(callback, name), "__func__", None) is not getattr(base, name)
        for name in ("on_train_batch_begin", "on_train_batch_end", "on_batch_begin", "on_batch_end")
    )


def _numbered(dataset: Iterable[Any], steps: int) -> Iterator[tuple[int, Any]]:
    """(index, batch) of an epoch, which must have exactly `steps` batches."""
    count = 0
    for count, batch in enumerate(dataset, start=1):
        if count > steps:
            raise InputError(f"batches: an epoch has more than its {steps} steps")
        yield count - 1, batch
    if count < steps:
        raise InputError(f"batches: an epoch has {count} batches, expected {steps} steps")
