"""Train a config's model and write its bundle."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tfapps import bundle as bundles
from tfapps import registry, weights
from tfapps.assemble import assemble
from tfapps.bundle import Bundle, write_json
from tfapps.config import RunConfig, dump
from tfapps.stages.card import card
from tfapps.stages.outputs import outputs_of
from tfapps.stages.prepare import Prepared, prepare

if TYPE_CHECKING:
    import keras

    from tfapps.train.loop import Evaluation

OUTPUT = Path("saved_models")


def train(config: RunConfig) -> Bundle:
    """Train the model and write its bundle, replacing an older one when it is complete."""
    return train_prepared(prepare(config))


def train_prepared(prepared: Prepared) -> Bundle:
    """Train on data that is already loaded."""
    import keras

    from tfapps.train import loop, projector, strategy
    from tfapps.train.history import short
    from tfapps.train.steps import total_steps

    config = prepared.config
    keras.utils.set_random_seed(config.seed)
    keras.config.set_dtype_policy(config.train.precision)
    with bundles.writing(OUTPUT / config.name) as draft:
        place = strategy.make(config.train.strategy)
        with place.scope():
            model = _build(prepared)
        batches = prepared.training_batches(place.num_replicas_in_sync)
        history = loop.fit(
            model,
            config=config.train,
            objective=objective(prepared, total_steps(batches, config.train)),
            batches=batches,
            strategy=place,
            evaluate=functools.partial(evaluate, prepared, model),
            headline=prepared.task.headline,
            log_dir=draft.path / "logs",
            hparams=_hparams(config),
            unit=unit(prepared),
        )
        early = ", stopped early" if history.stopped_early else ""
        best = f"epoch {short(history.best_epoch)} of {short(history.records[-1].epoch)}"
        if history.averaged:
            best = f"mean of {history.averaged} of {len(history.records)}"
        print(f"best: {best}{early}, {history.headline} {history.best:.4f}")
        records = [record.figures() for record in history.records]
        write_model(draft, prepared, model, {"training": records})
        if hasattr(prepared.task, "vectors"):
            projector.write(draft.path / "logs", *prepared.task.vectors(model))
    return Bundle.open(OUTPUT / config.name)


def _build(prepared: Prepared) -> keras.Model:
    config = prepared.config
    model = assemble(config, prepared.task, vocabulary_size=prepared.tokenizer.vocabulary_size)
    registry.load("model", config.model.name).load_pretrained(
        config.model, model, prepared.tokenizer
    )
    return registry.load("tuner", config.tuning.name).apply(config.tuning, model)


def objective(prepared: Prepared, steps: int) -> Any:
    """Return the config's objective over the task's loss, for a fit of so many steps."""
    config, task = prepared.config, prepared.task
    weights_of_classes = None
    if config.train.class_weights == "balanced":
        weights_of_classes = task.class_weights(prepared.targets("train"))
    loss = functools.partial(
        task.loss,
        label_smoothing=config.train.label_smoothing,
        class_weights=weights_of_classes,
    )
    return registry.load("objective", config.objective.name).build(
        config.objective, loss, steps=steps
    )


def unit(prepared: Prepared) -> str:
    """Return what the weights of the task's rows count."""
    return getattr(prepared.task, "unit", "examples")


def evaluate(prepared: Prepared, model: keras.Model) -> Evaluation:
    """Look at the dev set."""
    from tfapps.train.loop import Evaluation

    task, judged = prepared.task, _judged(prepared, model, "dev", final=False)
    return Evaluation(
        metrics=task.predict_metrics(*judged),
        pictures=task.pictures(*judged),
        texts=task.notes(*judged),
    )


def _judged(prepared: Prepared, model: keras.Model, split: str, **how: bool) -> tuple[Any, ...]:
    """Return what a task judges: outputs, targets, examples."""
    outputs = outputs_of(prepared, model, split, **how)
    return outputs, prepared.targets(split), prepared.examples[split]


def write_model(
    draft: Any, prepared: Prepared, model: keras.Model, notes: Mapping[str, Any]
) -> None:
    """Write weights, tokenizer, config and metrics of `model`; `notes` go into metrics.json."""
    folder, task = draft.path, prepared.task
    (folder / "text").mkdir()
    weights.save(model, folder / "weights.safetensors")
    task.save(folder / "text")
    prepared.tokenizer.save(folder / "text")
    (folder / "config.yaml").write_text(dump(prepared.config), encoding="utf-8")
    metrics: dict[str, Any] = {"headline": task.headline}
    for split in [name for name in ("dev", "test") if name in prepared.encoded]:
        judged = _judged(prepared, model, split)
        metrics[split] = {"keras": task.predict_metrics(*judged)}
        if split == "dev":
            report, text = task.report(*judged)
            write_json(folder / "report.json", report)
            (folder / "report.txt").write_text(text, encoding="utf-8")
            for name, picture in task.pictures(*judged).items():
                (folder / f"{name}.png").write_bytes(picture)
    metrics |= notes
    write_json(folder / "metrics.json", metrics)
    (folder / "README.md").write_text(card(prepared.config, metrics, {}), encoding="utf-8")
    draft.stages["train"] = prepared.fingerprint


def _hparams(config: RunConfig) -> dict[str, Any]:
    flat = {"model": config.model.name, "tuning": config.tuning.name, "seed": config.seed}
    simple = (int, float, str, bool)
    for section in ("model", "train"):
        for key, value in getattr(config, section).model_dump().items():
            if isinstance(value, simple):
                flat[f"{section}.{key}"] = value
    return flat
