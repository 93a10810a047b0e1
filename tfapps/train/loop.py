"""The training loop: steps over `strategy.run`, Keras callbacks, best weights kept."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TextIO

import keras
import tensorflow as tf

from tfapps.config.sections import TrainConfig
from tfapps.errors import Diverged, InputError
from tfapps.graph import heads
from tfapps.train.best import Best
from tfapps.train.checkpoint import Checkpoint
from tfapps.train.evaluation import Evaluation
from tfapps.train.history import History, Record
from tfapps.train.optimizers import make as optimizers
from tfapps.train.progress import Progress, line
from tfapps.train.resume import Resume
from tfapps.train.step import Objective, Step
from tfapps.train.steps import Steps, Stretch, total_steps, updates
from tfapps.train.strategy import check_batch_size, distribute
from tfapps.train.tensorboard import Writer

__all__ = ["Evaluation", "History", "Record", "fit"]


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
    best_from: float | None = None,
    patient_from: float = 0.0,
    checkpoint: Checkpoint | None = None,
    unit: str = "examples",
    stream: TextIO | None = None,
) -> History:
    """Fit `model` (built inside `strategy.scope()`) and leave it with its best weights.

    Best is the highest `headline` of `evaluate`, called at the end of an epoch and every
    `evaluate_every` steps; of equals the earlier. Same model, seed and batches: same weights.

    Args:
        objective: (model, features, targets, training) -> (loss per example (b,), logits).
        batches: see `tfapps.data.pipeline.Batches`.
        callbacks: see `_Run`.
        hparams: shown in TensorBoard beside the headline.
        best_from: epochs before an evaluation may be the best. 0 also evaluates the initial
            model; None does not, but counts every later evaluation.
        patient_from: epochs before early stopping counts, if later than `best_from`.
        checkpoint: stores the state; if it holds a state of this fit, the fit resumes.
        unit, stream: what progress lines count, and where they are printed; None is stderr.

    Raises: InputError for a batch that replicas cannot share, Failure for a loss that is no finite
    number (the model has the best weights so far then) or if no evaluation qualified.
    """
    if config.batch_tokens is None:
        check_batch_size(strategy, config.batch_size)
    progress = Progress(config.epochs, updates(batches, config), unit, stream)
    resume = Resume(checkpoint, log_dir, config.retries)
    with Writer(log_dir, config.histograms) as writer:
        if resume.state is None:
            writer.hparams(hparams, f"dev/{headline}")
        try:
            parts = (model, config, objective, batches, strategy, callbacks, writer, progress)
            with resume.interruptible():
                return _fit_retrying(parts, (evaluate, headline, best_from, patient_from, resume))
        finally:
            progress.close()


def _fit_retrying(parts: tuple[Any, ...], arguments: tuple[Any, ...]) -> History:
    """Fit, and retry at a lower learning rate if the fit diverges and has retries left."""
    *_, resume = arguments
    while True:
        run = _Run(*parts, resume.slower)
        try:
            return run.fit(*arguments)
        except Diverged as error:
            resume.retry(run, error)


class _Run:
    """State of one fit.

    Args:
        callbacks: Keras callbacks; logs hold `loss`, `learning_rate` and `val_<metric>`. Optional
            methods: `scalars()` returns values for TensorBoard at every evaluation; in the graph,
            `factor(path)` scales the learning rate of a weight and `watch(gradients)` receives
            the gradients of every step by path; the model is evaluated, and its best weights are
            taken, inside the context `applied()`; `state()` returns the arrays that a checkpoint
            needs, and `take(state)` restores them.
    """

    def __init__(
        self,
        model: keras.Model,
        config: TrainConfig,
        objective: Objective,
        batches: Any,
        strategy: tf.distribute.Strategy,
        callbacks: Sequence[keras.callbacks.Callback],
        writer: Writer,
        progress: Progress,
        slower: float = 1.0,
    ) -> None:
        self.model, self.config = model, config
        self.writer, self.progress = writer, progress
        self.updates = updates(batches, config)
        with strategy.scope():
            steps = total_steps(batches, config)
            factors = _methods(callbacks, "factor")
            in_head = heads.of(model)
            optimizer = optimizers.of_config(config, steps, factors, slower, in_head)
            # Callbacks look for `model.optimizer`; compiling is the public way to set it.
            model.compile(optimizer=optimizer)
        step = Step(
            model,
            objective,
            optimizer,
            strategy,
            spec=distribute(strategy, batches, 0).element_spec,
            rows=batches.batch_size,
            clip_norm=config.clip_norm,
            l2=config.l2,
            accumulate=config.accumulate,
            watch=_methods(callbacks, "watch"),
        )
        self.callbacks = keras.callbacks.CallbackList(
            list(callbacks), model=model, epochs=config.epochs, steps=self.updates
        )
        self.steps = Steps(step, config, batches, self.callbacks, writer, progress)

    def fit(
        self,
        evaluate: Callable[[], Evaluation],
        headline: str,
        best_from: float | None,
        patient_from: float,
        resume: Resume,
    ) -> History:
        """Run all epochs and restore the best weights, also after an error."""
        self.history = History(headline, patient_from=max(best_from or 0.0, patient_from))
        self.best = Best(self.model, self.config.average)
        self.model.stop_training = False
        if resume.state is None:
            self._before(evaluate, headline, best_from)
        self.callbacks.on_train_begin()
        try:
            first = resume.take(self)
            self.steps.paused = lambda: resume.pause(self)
            for stretch in self._stretches(first):
                with resume.saving(self):
                    over = self._evaluated(stretch, evaluate, headline, best_from)
                if over:
                    break
                self.steps.judged()
                resume.pause(self)
            self.callbacks.on_train_end()
        finally:
            self.best.restore()
        self.history.require_best()
        if self.best.several:
            value = self.best.average(self.history, lambda: self._judged(evaluate, headline))
            self.progress.say(f"mean of the best epochs  {headline} {value:.3f}")
        return self.history

    def _before(
        self, evaluate: Callable[[], Evaluation], headline: str, best_from: float | None
    ) -> None:
        """Evaluate the initial model if it may be the best."""
        if best_from == 0:
            start = self._judged(evaluate, headline).metrics[headline]
            if self.history.beaten_by(start):  # which a NaN does not
                self.history.best = start
            self.best.offer(start)
            self.progress.say(f"epoch 0/{self.config.epochs}  {headline} {start:.3f}")

    def _evaluated(
        self,
        stretch: Stretch,
        evaluate: Callable[[], Evaluation],
        headline: str,
        best_from: float | None,
    ) -> bool:
        """Evaluate the model after a stretch; return whether the fit ends here."""
        history = self.history
        with self._averaged():
            evaluation = self._judged(evaluate, headline)
            record = self._record(stretch, evaluation)
            history.records.append(record)
            if len(history.records) == 1:
                self.writer.graph(self.model)  # which the evaluation has traced
            value = record.metrics[headline]
            if best_from is None or record.epoch >= best_from:
                self.best.offer(value)
                if history.beaten_by(value):
                    history.best, history.best_epoch = value, record.epoch
        if self._ends_here(record, evaluation, history):
            history.stopped_early = record.epoch < self.config.epochs
            return True
        return False

    def _averaged(self) -> contextlib.ExitStack:
        """Return a context in which the model has its averaged weights."""
        stack = contextlib.ExitStack()
        for applied in _methods(self.callbacks.callbacks, "applied"):
            stack.enter_context(applied())
        return stack

    def _stretches(self, first: int) -> Iterator[Stretch]:
        """Run the steps of the fit from epoch `first` on, one stretch per evaluation."""
        for epoch in range(first, self.config.epochs + 1):
            self.epoch = epoch
            self.callbacks.on_epoch_begin(epoch - 1)
            yield from self.steps.epoch(epoch)

    def _record(self, stretch: Stretch, evaluation: Evaluation) -> Record:
        return Record(
            epoch=stretch.step / self.updates,
            step=stretch.step,
            loss=stretch.loss,
            metrics=dict(evaluation.metrics),
            learning_rate=stretch.learning_rate,
            per_second=stretch.per_second,
            seconds=stretch.seconds,
            unit=self.progress.unit,
        )

    def _ends_here(self, record: Record, evaluation: Evaluation, history: History) -> bool:
        """Report an evaluation; return whether the fit ends here."""
        patience = self.config.patience
        over = patience is not None and history.waited >= patience
        ended = over or record.step % self.updates == 0
        if ended:
            self._end_epoch(record)
            over = over or self.model.stop_training
        self._report(record, evaluation, ended)
        return over

    def _end_epoch(self, record: Record) -> None:
        """Call the callbacks at the end of an epoch, complete or not."""
        self.callbacks.on_epoch_end(
            math.ceil(record.epoch) - 1,
            {
                "loss": record.loss,
                "learning_rate": record.learning_rate,
                **{f"val_{name}": value for name, value in record.metrics.items()},
            },
        )

    def _judged(self, evaluate: Callable[[], Evaluation], headline: str) -> Evaluation:
        evaluation = evaluate()
        if headline not in evaluation.metrics:
            raise InputError(
                f"headline metric '{headline}' is not among those evaluated: "
                f"{', '.join(evaluation.metrics)}"
            )
        return evaluation

    def _report(self, record: Record, evaluation: Evaluation, ended: bool) -> None:
        """Write an evaluation to TensorBoard and to the progress lines."""
        self.writer.evaluation(evaluation, record.step)
        self.writer.histograms(self.model, record.step)
        for scalars in _methods(self.callbacks.callbacks, "scalars"):
            self.writer.scalars(scalars(), record.step)
        self.writer.flush()
        show = self.progress.end if ended else self.progress.say
        show(
            line(
                record.epoch,
                self.config.epochs,
                loss=record.loss,
                metrics=record.metrics,
                learning_rate=record.learning_rate,
                per_second=record.per_second,
                seconds=record.seconds,
                unit=record.unit,
            )
        )


def _methods(callbacks: Sequence[keras.callbacks.Callback], name: str) -> list[Callable[..., Any]]:
    """Return this method of every callback that has it."""
    return [getattr(callback, name) for callback in callbacks if hasattr(callback, name)]
