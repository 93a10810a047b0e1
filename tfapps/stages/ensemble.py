"""Train the members of an ensemble, each by `run`, and write one bundle with all of them."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tfapps import registry
from tfapps.bundle import bundle as bundles
from tfapps.bundle.bundle import (
    ARCHITECTURE,
    COMPRESSION,
    DELTA,
    ENSEMBLE,
    MANIFEST,
    MEMBERS,
    WEIGHTS,
    Bundle,
    write_json,
)
from tfapps.config import load as configs
from tfapps.config.load import dump
from tfapps.config.sections import RunConfig
from tfapps.data import draws
from tfapps.errors import Failure, InputError
from tfapps.presets import offline
from tfapps.runs import gate, requirements, unjudged
from tfapps.runs.card import card
from tfapps.runs.finished import refuse_ensemble_over
from tfapps.runs.prepared import Prepared, prepare
from tfapps.runs.unfinished import OUTPUT
from tfapps.stages import gating, soup
from tfapps.stages.members import member
from tfapps.stages.run import run
from tfapps.stages.testing import KEYS
from tfapps.verify import parity

# Largest drop of the headline metric from the Keras members to their quantized files: errors of
# members even out.
DROP = 0.02
COPIED = ("config.yaml", "metrics.json", WEIGHTS, DELTA, COMPRESSION, ARCHITECTURE)


def ensemble(config: RunConfig, overwrite: bool = False) -> Bundle:
    """Train the members that are not trained yet, and write the bundle of the ensemble.

    Args:
        overwrite: replace a finished ensemble, and members, of other values or other data.

    Raises:
        InputError: no ensemble section, or a finished run would be replaced.
        Failure: an artefact of the ensemble is worse than its Keras members.
    """
    if config.ensemble is None:
        raise InputError(
            f"{config.name}: no ensemble section; add `ensemble: {{name: voting, members: 5}}`, "
            "or use `tfapps run`"
        )
    kind = registry.plugin("ensemble", config.ensemble.name)
    members = [member(config, kind, i) for i in _numbers(config)]  # all are checked first
    if kind.averages_weights:
        return soup.soup(config, kind, members, overwrite)
    alone = config.model_copy(update={"ensemble": None})
    prepared = prepare(alone)
    refuse_ensemble_over(config, prepared.fingerprint, overwrite)
    work = _Work(config, kind, prepared, overwrite)
    for number in _numbers(config):
        work.train(number)
    return work.write()


def _numbers(config: RunConfig) -> range:
    return range(config.ensemble.members)


class _Work:
    """State of one ensemble."""

    def __init__(
        self, config: RunConfig, kind: Any, prepared: Prepared, overwrite: bool = False
    ) -> None:
        self.config, self.kind, self.prepared = config, kind, prepared
        self.overwrite = overwrite
        self.activation = prepared.task.activation
        self.members: list[Bundle] = []
        self.train_logits: list[np.ndarray] = []
        if kind.learns and not kind.sequential:
            self._check_rows()

    def train(self, number: int) -> None:
        """Run one member; keep its logits on the training rows if the next member needs them."""
        print(f"member {number + 1} of {self.config.ensemble.members}", flush=True)
        more = {}
        if self.kind.sequential:
            drawn = self.kind.rows(
                self.config.ensemble, self.train_logits, self._truth, self.config.seed
            )
            if drawn is not None:
                rows = draws.with_every_label(np.array(drawn), self.prepared.rows["train"])
                more["draw"] = {"file": str(self._noted(number, rows.tolist()))}
        settings = member(self.config, self.kind, number, **more)
        self.members.append(run(settings, self.overwrite, owner=self.config.name))
        if self.kind.sequential:
            self.train_logits.append(self._logits_of(self.members[-1], "train"))

    @property
    def _truth(self) -> np.ndarray:
        return self.prepared.targets("train")["label"]

    def _noted(self, number: int, drawn: list[int]) -> Path:
        """Write the file that lists a member's rows, for its config; return its path."""
        path = OUTPUT / f"{self.config.name}_draws" / f"{number}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        write_json(path, drawn)
        return path.absolute()

    def _logits_of(self, bundle: Bundle, split: str, artifact: str = "keras") -> np.ndarray:
        return _logits(bundle, self.prepared.rows[split], artifact)

    def _learned(self) -> dict[str, Any]:
        if not self.kind.learns:
            return {}
        if self.kind.sequential:
            return self.kind.learn(self.config.ensemble, self.train_logits, self._truth)
        numbers, logits = self._left_out()
        return self.kind.learn(self.config.ensemble, [logits], self._truth[numbers])

    def _left_out(self) -> tuple[np.ndarray, np.ndarray]:
        """Return rows that a member never saw, and its logits; all see a label's only row."""
        rows, numbers, logits = self.prepared.rows["train"], [], []
        for number, bundle in enumerate(self.members):
            draw = configs.load(bundle.config_path).draw
            unseen = np.flatnonzero(draws.folds(rows, draw.of, draw.seed) == number)
            if len(unseen):  # there may be fewer rows than members
                numbers.append(unseen)
                logits.append(_logits(bundle, [rows[row] for row in unseen]))
        order = np.argsort(np.concatenate(numbers))
        return np.concatenate(numbers)[order], np.concatenate(logits)[order]

    def _check_rows(self) -> None:
        """Check that there are left-out rows to learn from: a label's only row is never left out.

        Raises: InputError if there are no other rows.
        """
        rows = self.prepared.rows["train"]
        if (draws.folds(rows, self.config.ensemble.members, self.config.seed) < 0).all():
            raise InputError(
                f"ensemble: {self.config.ensemble.name} needs labels with more than one row, but "
                f"each of the {len(rows)} training rows has a label of its own; use voting"
            )

    def write(self) -> Bundle:
        """Evaluate on the dev set, then on the test set, and write the bundle."""
        learned, task = self._learned(), self.prepared.task
        headline, target = task.headline, OUTPUT / self.config.name
        names = [n for n in self.members[0].artifacts() if n in ("keras", *self.config.export)]
        metrics: dict[str, Any] = {"headline": headline, "dev": {}}
        metrics["members"] = [b.metrics["dev"]["keras"][headline] for b in self.members]
        proof: dict[str, Any] = {}
        failures, reference = [], None
        unjudged.log(task, self.prepared.targets("dev"), self.prepared.examples["dev"], "dev")
        for name in names:
            print(f"evaluating {name} of {len(self.members)} members", flush=True)
            logits = self._combined("dev", name, learned)
            reference = logits if reference is None else reference
            examples = self.prepared.examples["dev"]
            figures = task.predict_metrics(logits, self.prepared.targets("dev"), examples)
            metrics["dev"][name] = figures
            proof[name] = self._proof(name, logits, reference, figures, metrics)
            try:
                parity.check(name, proof[name], headline, limit=_limit(name, self.members))
            except Failure as failure:
                failures.append(str(failure))
        metrics |= {} if failures else self._tested(names, learned)
        metrics[gate.ROWS] = len(self.prepared.rows["dev"])
        proof = requirements.judged(self.config, metrics, proof)
        chosen = gate.choose(self.config, metrics, proof)
        metrics[gate.KEY] = None if failures else chosen.recommended
        with bundles.writing(target) as draft:
            self._fill(draft.path, learned, metrics, proof)
            draft.stages["ensemble"] = self.prepared.fingerprint
        best = max(metrics["members"])
        print(f"{headline} {metrics['dev']['keras'][headline]:.4f}, best member {best:.4f}")
        if failures:
            raise Failure("; ".join(failures))
        bundle = Bundle.open(target)
        gating.report(self.config, bundle)
        return bundle

    def _combined(self, split: str, artifact: str, learned: dict[str, Any]) -> np.ndarray:
        logits = [self._logits_of(bundle, split, artifact) for bundle in self.members]
        return self.kind.combine(self.config.ensemble, logits, learned, self.activation)

    def _tested(self, names: Sequence[str], learned: dict[str, Any]) -> dict[str, Any]:
        """Return the figures of the artefacts on the test set, if there is one."""
        if "test" not in self.prepared.rows:
            return {}
        task, metrics, notes = self.prepared.task, {}, {}
        truth = self.prepared.targets("test"), self.prepared.examples["test"]
        for name in names:
            print(f"testing {name} on {len(truth[1])} rows", flush=True)
            logits = self._combined("test", name, learned)
            metrics[name] = task.predict_metrics(logits, *truth)
            notes[name] = {"rows": len(truth[1]), "interval": task.interval(logits, *truth)}
        return dict(zip(KEYS, (metrics, notes), strict=True))

    def _proof(
        self, name: str, logits: np.ndarray, reference: np.ndarray, figures: Any, metrics: Any
    ) -> dict[str, float]:
        task, headline = self.prepared.task, self.prepared.task.headline
        same = task.decide(logits, ()) == task.decide(reference, ())
        size = sum(sum(f.stat().st_size for f in _files(b.artifact(name))) for b in self.members)
        drop = metrics["dev"]["keras"][headline] - figures[headline]
        return {
            "agreement": float(np.mean(same)),
            "max_logit_difference": float(np.abs(logits - reference).max()),
            "bytes": size,
            "metric": figures[headline],
            "metric_drop": drop,
        }

    def _fill(self, folder: Path, learned: Any, metrics: Any, proof: Any) -> None:
        (folder / "text").mkdir()
        self.prepared.task.save(folder / "text")
        (folder / "config.yaml").write_text(dump(self.config), encoding="utf-8")
        for number, bundle in enumerate(self.members):
            _copy(bundle, folder / MEMBERS / str(number), self.config.export)
        write_json(folder / ENSEMBLE, {"members": len(self.members), "learned": learned})
        write_json(folder / "metrics.json", metrics)
        write_json(folder / "verify.json", proof)
        text = card(self.config, metrics, proof)
        (folder / "README.md").write_text(text, encoding="utf-8")


def _limit(name: str, members: Sequence[Bundle]) -> parity.Limit:
    """Return what an artefact may lose: nothing if the members' files equal their Keras models.

    Logits are not compared: they are logarithms of mean probabilities, which may be tiny.
    """
    limit = parity.limit_of(name)
    if limit == parity.EXACT and name != "keras":  # with which the others are compared
        try:
            for bundle in members:
                parity.check(name, bundle.proof[name])
        except Failure:  # verified all the same, as a model that rounds its activations
            limit = parity.ROUNDED
    return dataclasses.replace(limit, logits=None, drop=min(limit.drop, DROP))


def _logits(bundle: Bundle, rows: Sequence[Any], artifact: str = "keras") -> np.ndarray:
    from tfapps.serve.predictor import Predictor
    from tfapps.text.questions import texts_of

    with offline.downloads_allowed():
        return np.asarray(Predictor.open(bundle.path, artifact).logits(texts_of(rows)))


def _copy(bundle: Bundle, folder: Path, exports: list[str]) -> None:
    """Copy the files that a member needs to predict, with a manifest of their own."""
    manifest = bundle.manifest
    files = [bundle.file(name) for name in COPIED if name in manifest["files"]]
    files += sorted(bundle.text.rglob("*"))
    for name in bundle.artifacts():
        if name in exports:
            files += _files(bundle.artifact(name))
    hashes = {}
    for file in files:
        name = file.relative_to(bundle.path)
        if file.is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(file, folder / name)
            hashes[name.as_posix()] = manifest["files"][name.as_posix()]
    write_json(folder / MANIFEST, {**manifest, "files": hashes})


def _files(path: Path) -> list[Path]:
    return [path] if path.is_file() else sorted(p for p in path.rglob("*") if p.is_file())
