"""Compress a trained model: each item of `compress:` in turn, with its own fine-tuning."""

from __future__ import annotations

import functools
import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tfapps import registry
from tfapps.assembly.assemble import assemble
from tfapps.bundle import bundle as bundles
from tfapps.bundle.bundle import COMPRESSION, Bundle, write_json
from tfapps.config.sections import RunConfig
from tfapps.errors import InputError
from tfapps.graph import weights
from tfapps.graph.clone import clone
from tfapps.graph.precision import precision
from tfapps.runs import contents, fingerprints, unfinished
from tfapps.runs.contents import compression_key
from tfapps.runs.figures import reported, uncompressed
from tfapps.runs.finished import finished
from tfapps.runs.lessons import lessons
from tfapps.runs.outputs import logits_of, outputs_of
from tfapps.runs.prepared import Prepared, load_rows, prepare, retokenized
from tfapps.runs.trained import find_trained
from tfapps.stages import train as training

if TYPE_CHECKING:
    import keras

    from tfapps.train.checkpoint import Checkpoint


def compress(config: RunConfig, overwrite: bool = False) -> Bundle:
    """Compress the trained bundle of a config, unless that was done.

    Args:
        overwrite: replace a finished run that is compressed in another way, or of another config.

    Raises:
        InputError: nothing was trained with this config and data.
    """
    rows = load_rows(config)
    bundle = finished(config, rows, overwrite=overwrite)
    if bundle:
        print(f"{config.name}: already compressed as this config says")
        return bundle
    prepared = prepare(config, rows=rows)
    source = find_trained(prepared)
    if source is None:
        raise InputError(
            f"{unfinished.OUTPUT / config.name}: no uncompressed model trained with this config "
            "and data; run `tfapps train` (or `tfapps run`) first"
        )
    return compress_prepared(prepared, source)[1]


def compress_prepared(prepared: Prepared, source: Bundle) -> tuple[Prepared, Bundle]:
    """Compress on loaded data; return the data as the compressed model reads it, and the bundle."""
    import keras

    from tfapps.train import strategy

    config = prepared.config
    if source.path.name != config.name:
        print(
            f"{config.name}: trained with the same settings as {source.path.name}, "
            "reusing its weights"
        )
    place = strategy.make(config.train.strategy)
    # The dropout has the same seed whether this process trained the model or loaded it.
    keras.utils.set_random_seed(config.seed)
    output = unfinished.OUTPUT / config.name
    with precision(config.train.precision), bundles.writing(output) as draft:
        with place.scope():
            model = assemble(
                config,
                prepared.task,
                vocabulary_size=prepared.tokenizer.vocabulary_size,
                weights_file=source.weights,
            )
        if (source.path / "logs").is_dir():
            shutil.copytree(source.path / "logs", draft.path / "logs", dirs_exist_ok=True)
        work = _Work(prepared, model, place, draft.path, source)
        unfinished.report_others(config.name, work.keepers())
        for index in range(len(config.compress)):
            work.step(index)
        notes = {"training": source.metrics["training"], "compression": work.notes}
        notes |= uncompressed(source)
        training.write_model(draft, work.prepared, work.model, notes, origin=prepared)
        write_json(
            draft.path / COMPRESSION,
            {"vocabulary_size": prepared.tokenizer.vocabulary_size, "plans": work.plans},
        )
        draft.stages["compress"] = compression_key(config)
    unfinished.clear(config.name, work.keepers())
    return work.prepared, Bundle.open(unfinished.OUTPUT / config.name)


class _Work:
    """State of one compression.

    Args:
        folder: of the bundle that is written.
        source: the trained run.
    """

    def __init__(
        self, prepared: Prepared, model: keras.Model, place: Any, folder: Any, source: Bundle
    ) -> None:
        self.origin, self.source = prepared, source
        self.prepared, self.model, self.place, self.folder = prepared, model, place, folder
        self.lesson = lessons(prepared)
        self.plans: list[Mapping[str, Any]] = []
        self.notes: list[dict[str, Any]] = []
        self.answers: Any = None
        self.teacher: keras.Model | None = None

    def step(self, index: int) -> None:
        """Run one item: plan, rebuild, restore earlier constraints, fine-tune, report."""
        import keras

        from tfapps.train.checkpoint import State

        item = self.origin.config.compress[index]
        kind = registry.plugin("compressor", item.name)
        print(f"compressing: {item.name}", flush=True)
        keras.utils.set_random_seed(self.origin.config.seed + 1 + index)
        if item.epochs:
            self._ask_teacher(item)
        keeper = self._keeper(index, "done")
        done = keeper.load()
        plan = kind.plan(item, self._job()) if done is None else done.notes["plan"]
        self._rebuild(item, kind, plan)
        if done is None:
            figures = self._learn(index, kind)
            arrays = {path: w.numpy() for path, w in weights.variables(self.model).items()}
            keeper.save(State(arrays, {"plan": plan, "figures": figures}), self._logs(index))
        else:
            figures = self._take(index, done)
            keeper.logs(self._logs(index))
        headline = self.prepared.task.headline
        metric = f"{headline} {figures['dev'][headline]:.4f}"
        report = reported(figures["report"])
        print("  ".join([f"{item.name}: {metric}", *report]), flush=True)
        self.notes.append(figures)

    def _rebuild(self, item: Any, kind: Any, plan: Mapping[str, Any]) -> None:
        """Rebuild the model, its teacher and its data according to the plan."""
        self.plans.append(plan)
        if kind.retokenizes:
            self.prepared = retokenized(
                self.prepared, kind.tokenizer(plan, self.prepared.tokenizer)
            )
            self.lesson = lessons(self.prepared)
        with self.place.scope():
            if kind.retokenizes and self.teacher is not None:
                self.teacher = kind.build(item, self.teacher, plan)
            self.model = kind.build(item, self.model, plan)

    def _learn(self, index: int, kind: Any) -> dict[str, Any]:
        """Fine-tune under the constraints of earlier items; return the figures of this one."""
        item = self.origin.config.compress[index]
        with self.place.scope():
            self._hold(index)
            kind.begin(item, self.model, self._batches(index).epoch(0))
        figures: dict[str, Any] = {"name": item.name}
        if item.epochs:
            figures |= self._fit(index, kind)
        kind.finish(item, self.model)
        figures["report"] = kind.report(item, self.model)
        targets, examples = self.prepared.targets("dev"), self.prepared.examples["dev"]
        outputs = outputs_of(self.prepared, self.model, "dev")
        figures["dev"] = self.prepared.task.predict_metrics(outputs, targets, examples)
        return figures

    def _take(self, index: int, done: Any) -> dict[str, Any]:
        """Restore a finished item after a resumed run; return its figures."""
        for path, weight in weights.variables(self.model).items():
            weight.assign(done.arrays[path])
        with self.place.scope():
            self._hold(index + 1)
        return done.notes["figures"]

    def _hold(self, count: int) -> None:
        """Restore the constraints of the first `count` items."""
        for earlier in self.origin.config.compress[:count]:
            registry.plugin("compressor", earlier.name).hold(earlier, self.model)

    def keepers(self) -> list[Checkpoint]:
        """Return the checkpoints of all items."""
        indices = range(len(self.origin.config.compress))
        return [self._keeper(index, kind) for index in indices for kind in ("fit", "done")]

    def _keeper(self, index: int, kind: str) -> Checkpoint:
        """Return the checkpoint of an item's fit or of the finished item."""
        config = self.origin.config
        weights_hash = self.source.manifest["files"][self.source.weights.name]
        key = json.dumps([contents.of_items(config, index + 1), weights_hash])
        key += fingerprints.answers_key(config)
        return unfinished.checkpoint(
            self.origin, f"{index}_{config.compress[index].name}_{kind}", key
        )

    def _logs(self, index: int) -> Path:
        return self.folder / "logs" / f"{index}_{self.origin.config.compress[index].name}"

    @property
    def _by_place(self) -> bool:
        """Return whether each token has logits: those of all texts are too many to store."""
        return max(len(output.shape) for output in self.model.outputs) > 2

    def _ask_teacher(self, item: Any) -> None:
        """Store the uncompressed model or its logits, if the fit distils from it."""
        needs_model = item.distill_layers or (item.distill and self._by_place)
        if item.distill and self.answers is None and not self._by_place:
            self.answers = logits_of(self.lesson.prepared, self.model, "train")
        if needs_model and self.teacher is None:
            with self.place.scope():
                self.teacher = clone(self.model)

    def _fit(self, index: int, kind: Any) -> dict[str, Any]:
        from tfapps.train import loop
        from tfapps.train.steps import total_steps
        from tfapps.train.teacher import with_logits_of_teacher, with_states_of_teacher

        config = self.prepared.config
        item = config.compress[index]
        rate = item.learning_rate or config.train.learning_rate / 2
        fit = config.train.model_copy(
            update={
                "epochs": item.epochs,
                "learning_rate": rate,
                "head_learning_rate": None,
                "patience": None,
                "average": 1,
            }
        )
        batches = self._batches(index)
        steps = total_steps(batches, fit)
        with self.place.scope():
            objective = training.objective(self.lesson, self.model, steps)
        if item.distill:
            teacher = self.teacher if self._by_place else None
            objective = with_logits_of_teacher(objective, item.distill, teacher)
        if item.distill_layers:
            objective = with_states_of_teacher(
                objective, self.model, self.teacher, item.distill_layers
            )
        with self.place.scope():
            callbacks = kind.callbacks(item, self.model, steps)
        history = loop.fit(
            self.model,
            config=fit,
            objective=objective,
            batches=batches,
            strategy=self.place,
            evaluate=functools.partial(training.evaluate, self.prepared, self.model),
            headline=self.prepared.task.headline,
            callbacks=callbacks,
            log_dir=self._logs(index),
            checkpoint=self._keeper(index, "fit"),
            unit=training.unit(self.prepared),
            best_from=kind.ready(item),
        )
        return {"training": [record.figures() for record in history.records]}

    def _batches(self, index: int) -> Any:
        """Return training batches in an order of their own, with the teacher's answers."""
        from tfapps.train.teacher import TARGET

        return self.lesson.batches(
            self.place.num_replicas_in_sync,
            seed=self.prepared.config.seed + 1 + index,
            extra={} if self.answers is None else {TARGET: self.answers},
        )

    def _job(self) -> Any:
        from tfapps.compress.parts.job import Job

        return Job(
            model=self.model,
            examples=self.prepared.examples,
            tokenizer=self.prepared.tokenizer,
            batches=lambda split: self.prepared.evaluation_batches(split).epoch(0),
            loss=self.prepared.task.loss,
            seed=self.prepared.config.seed,
            root=self.prepared.config.data_options.root,
        )
