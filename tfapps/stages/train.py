"""Train a config's model and write its bundle."""

from __future__ import annotations

import dataclasses
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

    from tfapps.train import loop, strategy

    config = prepared.config
    keras.utils.set_random_seed(config.seed)
    keras.config.set_dtype_policy(config.train.precision)
    with bundles.writing(OUTPUT / config.name) as draft:
        place = strategy.make(config.train.strategy)
        with place.scope():
            model = _build(prepared)
        history = loop.fit(
            model,
            config=config.train,
            objective=objective(prepared),
            batches=prepared.batches("train", batch_size=config.train.batch_size, shuffle=True),
            strategy=place,
            evaluate=functools.partial(evaluate, prepared, model),
            headline=prepared.task.headline,
            log_dir=draft.path / "logs",
            hparams=_hparams(config),
        )
        early = ", stopped early" if history.stopped_early else ""
        best = f"mean of {history.averaged}" if history.averaged else f"epoch {history.best_epoch}"
        print(
            f"best: {best} of {len(history.epochs)}{early}, {history.headline} {history.best:.4f}"
        )
        epochs = [dataclasses.asdict(epoch) for epoch in history.epochs]
        write_model(draft, prepared, model, {"training": epochs})
    return Bundle.open(OUTPUT / config.name)


def _build(prepared: Prepared) -> keras.Model:
    config = prepared.config
    model = assemble(config, prepared.task, vocabulary_size=prepared.tokenizer.vocabulary_size)
    registry.load("model", config.model.name).load_pretrained(config.model, model)
    return registry.load("tuner", config.tuning.name).apply(config.tuning, model)


def objective(prepared: Prepared) -> Any:
    """Return the config's objective over the task's loss."""
    config, task = prepared.config, prepared.task
    weights_of_classes = None
    if config.train.class_weights == "balanced":
        weights_of_classes = task.class_weights(prepared.targets("train"))
    loss = functools.partial(
        task.loss,
        label_smoothing=config.train.label_smoothing,
        class_weights=weights_of_classes,
    )
    return registry.load("objective", config.objective.name).build(config.objective, loss)


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
