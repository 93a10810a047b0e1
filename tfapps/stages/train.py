"""Train a config's model and write its bundle."""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tfapps import registry
from tfapps.assembly import tuned
from tfapps.assembly.assemble import architecture, assemble
from tfapps.bundle import bundle as bundles
from tfapps.bundle.bundle import ARCHITECTURE, DELTA, ORIGIN, WEIGHTS, Bundle, write_json
from tfapps.config.sections import RunConfig
from tfapps.graph import weights
from tfapps.graph.clone import in_float32
from tfapps.graph.precision import precision
from tfapps.processes import workers
from tfapps.runs import fingerprints, teachers, trivial, unfinished, unjudged
from tfapps.runs.finished import finished
from tfapps.runs.head_start import start_head
from tfapps.runs.lessons import Lessons, lessons
from tfapps.runs.outputs import judged, loss_of
from tfapps.runs.prepared import Prepared, load_rows, prepare, refuse_ensemble
from tfapps.runs.unfinished import OUTPUT
from tfapps.stages import judging

if TYPE_CHECKING:
    import keras

    from tfapps.train.checkpoint import Checkpoint
    from tfapps.train.history import History
    from tfapps.train.loop import Evaluation


def train(config: RunConfig, overwrite: bool = False) -> Bundle:
    """Train the model and write its bundle, unless that was done.

    Args:
        overwrite: train in any case, and replace the finished run of this name.
    """
    refuse_ensemble(config)
    join_workers(config)
    rows = load_rows(config)
    bundle = None if overwrite else finished(config, rows, compressed=False)
    if bundle:
        print(f"{config.name}: already trained with this config and data")
        if workers.chief():
            bundle = judging.current(prepare(config, bundle, rows), bundle)
    else:
        bundle = train_prepared(prepare(config, rows=rows))
    unfinished.remove_copies()
    trivial.warn(config, bundle.metrics)
    return bundle


def join_workers(config: RunConfig) -> None:
    """Connect to the other workers, if any; TensorFlow requires this before anything else."""
    if workers.current() is not None:
        from tfapps.train import strategy

        strategy.make(config.train.strategy)


def train_prepared(prepared: Prepared) -> Bundle:
    """Train on data that is already loaded."""
    from tfapps.train import projector

    config = prepared.config
    lesson = lessons(prepared)
    with bundles.writing(OUTPUT / config.name) as draft:
        keeper = unfinished.checkpoint(prepared, "train", fingerprints.answers_key(config))
        unfinished.report_others(config.name, [keeper])
        learned = learn(lesson, draft.path / "logs", _hparams(config), keeper)
        with learned.place.scope():
            model = tuned.merged(config, learned.model)
        records = [record.figures() for record in learned.history.records]
        notes = {"training": records, "parameters": learned.parameters}
        write_model(draft, prepared, model, notes, learned.model)
        projection = prepared.task.projection(model)
        if projection is not None:
            projector.write(draft.path / "logs", *projection)
    unfinished.clear(config.name, [keeper])
    return Bundle.open(OUTPUT / config.name)


@dataclass(frozen=True)
class Learned:
    """A model as its tuner trained it, and its strategy."""

    model: keras.Model
    place: Any
    history: History
    parameters: dict[str, int]


def learn(
    lesson: Lessons,
    log_dir: Path,
    hparams: Mapping[str, Any],
    keeper: Checkpoint | None = None,
) -> Learned:
    """Build a model and fit it with the run's seed; a trial of a search does only this."""
    import keras

    from tfapps.train import strategy

    config = lesson.origin.config
    keras.utils.set_random_seed(config.seed)
    place = strategy.make(config.train.strategy)
    with precision(config.train.precision):
        with place.scope():
            model = _build(lesson.origin)
            start_head(lesson.origin, model)
        count = parameters(model)
        _print_share(config, count)
        history = _fit(lesson, model, place, log_dir, hparams, keeper)
    return Learned(model, place, history, count)


def _fit(
    lesson: Lessons,
    model: keras.Model,
    place: Any,
    log_dir: Path,
    hparams: Mapping[str, Any],
    keeper: Checkpoint | None,
) -> History:
    """Fit for the config's epochs, if any, and print the best one."""
    from tfapps.train import averaging, loop
    from tfapps.train.history import short
    from tfapps.train.steps import total_steps

    prepared = lesson.origin
    config = prepared.config
    if not config.train.epochs:
        return _untrained(prepared, model)
    tuner = registry.plugin("tuner", config.tuning.name)
    batches = lesson.batches(place.num_replicas_in_sync)
    steps = total_steps(batches, config.train)
    with place.scope():
        callbacks = tuner.callbacks(config.tuning, model, steps)
        callbacks += averaging.callbacks(config.train, model)
        learns = objective(lesson, model, steps)
    history = loop.fit(
        model,
        config=config.train,
        objective=learns,
        batches=batches,
        strategy=place,
        evaluate=functools.partial(evaluate, prepared, model),
        headline=prepared.task.headline,
        callbacks=callbacks,
        log_dir=log_dir,
        hparams=hparams,
        unit=unit(prepared),
        best_from=_ready(config),
        patient_from=tuner.settled(config.tuning, config.train.epochs),
        checkpoint=keeper,
    )
    early = ", stopped early" if history.stopped_early else ""
    best = f"epoch {short(history.best_epoch)} of {short(history.records[-1].epoch)}"
    if history.averaged:
        best = f"mean of {history.averaged} of {len(history.records)}"
    print(f"best: {best}{early}, {history.headline} {history.best:.4f}")
    return history


def _untrained(prepared: Prepared, model: keras.Model) -> History:
    """Return the history of a model that needs no training."""
    from tfapps.train.history import History

    headline = prepared.task.headline
    history = History(headline, best=evaluate(prepared, model).metrics[headline])
    history.require_best()
    print(f"best: epoch 0 of 0, the head as initialized, {headline} {history.best:.4f}")
    return history


def _ready(config: RunConfig) -> float | None:
    """Return the epochs before the weights may be the best; None for no such limit."""
    tuner = registry.plugin("tuner", config.tuning.name)
    first = tuner.ready(config.tuning, config.train.epochs)
    if config.train.swa is None:
        return first
    return max(first or 0.0, math.floor(config.train.swa * config.train.epochs) + 1)


def _build(prepared: Prepared) -> keras.Model:
    config = prepared.config
    model = assemble(config, prepared.task, vocabulary_size=prepared.tokenizer.vocabulary_size)
    return tuned.pretrained(config, model, prepared.tokenizer)


def objective(lesson: Lessons, model: keras.Model, steps: int) -> Any:
    """Return the config's objective over the task's loss, for a fit of so many steps."""
    from tfapps.train.unlabelled import labelled_loss

    prepared = lesson.origin
    config, task = prepared.config, prepared.task
    weights_of_classes = None
    if config.train.class_weights == "balanced":
        weights_of_classes = task.class_weights(prepared.targets("train"))
    loss = functools.partial(
        task.loss,
        label_smoothing=config.train.label_smoothing,
        class_weights=weights_of_classes,
    )
    return registry.plugin("objective", config.objective.name).build(
        config.objective,
        loss if lesson.labelled == 1.0 else labelled_loss(loss, lesson.labelled),
        steps=steps,
        task=task,
        seed=config.seed,
        model=model,
        teachers=teachers.models(prepared, lesson.teachers),
    )


def unit(prepared: Prepared) -> str:
    """Return what the weights of the task's rows count."""
    return prepared.task.unit


def evaluate(prepared: Prepared, model: keras.Model) -> Evaluation:
    """Evaluate on the dev set."""
    from tfapps.train.loop import Evaluation

    task, answers = prepared.task, judged(prepared, model, "dev", final=False)
    return Evaluation(
        metrics=task.predict_metrics(*answers),
        pictures=task.pictures(*answers),
        texts=task.notes(*answers),
        loss=loss_of(prepared, *answers[:2], "dev"),
    )


def write_model(
    draft: Any,
    prepared: Prepared,
    model: keras.Model,
    notes: Mapping[str, Any],
    learned: keras.Model | None = None,
    origin: Prepared | None = None,
) -> None:
    """Write weights, tokenizer, config and metrics of `model`; `notes` go into metrics.json.

    Args:
        learned: the model as its tuner trained it, for `tuning.store: delta`.
        origin: the data that the model was assembled for, if it differs from `prepared`.
    """
    folder, task = draft.path, prepared.task
    if learned is not None and prepared.config.tuning.keeps_delta:
        tuned.save(prepared.config, learned, model, folder / DELTA)
    else:
        weights.save(model, folder / WEIGHTS)
    vocabulary_size = (origin or prepared).tokenizer.vocabulary_size
    sizes = architecture(prepared.config, task, vocabulary_size)
    write_json(folder / ARCHITECTURE, sizes)
    trained_from = fingerprints.origin(prepared.config, prepared.rows)
    if trained_from:
        write_json(folder / ORIGIN, trained_from)
    prepared.save_text(folder / "text")
    judging.write(folder, prepared, in_float32(model), notes)  # as the bundle will predict
    unjudged.log(task, prepared.targets("dev"), prepared.examples["dev"], "dev")
    draft.stages["train"] = prepared.fingerprint


def parameters(model: keras.Model) -> dict[str, int]:
    """Return the number of parameters of a model, and how many are trained."""
    return {
        "all": sum(math.prod(w.shape) for w in weights.variables(model).values()),
        "trained": sum(math.prod(w.shape) for w in model.trainable_variables),
    }


def _print_share(config: RunConfig, count: Mapping[str, int]) -> None:
    if count["trained"] < count["all"]:
        share = f"{count['trained']:,} of {count['all']:,} weights are trained"
        print(f"{config.tuning.name}: {share} ({count['trained'] / count['all']:.1%})")


def _hparams(config: RunConfig) -> dict[str, Any]:
    flat = {"model": config.model.name, "tuning": config.tuning.name, "seed": config.seed}
    simple = (int, float, str, bool)
    for section in ("model", "train"):
        for key, value in getattr(config, section).model_dump().items():
            if isinstance(value, simple):
                flat[f"{section}.{key}"] = value
    return flat
