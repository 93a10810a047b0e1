"""The dev figures of a bundle's Keras model, and the same where only its answers changed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tfapps.bundle import bundle as bundles
from tfapps.bundle.bundle import METRICS, PROOF, Bundle, write_json
from tfapps.config import effects
from tfapps.config import load as configs
from tfapps.runs import trivial
from tfapps.runs.card import card
from tfapps.runs.outputs import judged
from tfapps.runs.prepared import Prepared
from tfapps.runs.trained import rebuild

if TYPE_CHECKING:
    import keras

LASTING = ("training", "compression", "parameters")  # figures that come from training alone


def write(folder: Path, prepared: Prepared, model: keras.Model, notes: Mapping[str, Any]) -> None:
    """Evaluate a model on dev, and write config, metrics, report, pictures and model card.

    Args:
        folder: of the bundle that is written.
        notes: what metrics.json holds besides.
    """
    task = prepared.task
    (folder / "config.yaml").write_text(configs.dump(prepared.config), encoding="utf-8")
    answers = judged(prepared, model, "dev")
    dev = {"keras": task.predict_metrics(*answers)}
    metrics: dict[str, Any] = {"headline": task.headline, "dev": dev, **notes}
    report, text = task.report(*answers)
    write_json(folder / "report.json", report)
    (folder / "report.txt").write_text(text, encoding="utf-8")
    for name, picture in task.pictures(*answers).items():
        (folder / f"{name}.png").write_bytes(picture)
    if floor := trivial.measured(prepared):
        metrics[trivial.KEY] = floor
    write_json(folder / METRICS, metrics)
    (folder / "README.md").write_text(card(prepared.config, metrics, {}), encoding="utf-8")


def current(prepared: Prepared, bundle: Bundle) -> Bundle:
    """Return the bundle with the figures of this config, evaluated again if they are of another.

    Its weights stay. Its files have to be verified again.
    """
    config = prepared.config
    before = dict(effects.answers(configs.load(bundle.config_path)))
    changed = [name for name, value in effects.answers(config) if before.get(name) != value]
    if not changed:
        return bundle
    print(f"{config.name}: {', '.join(changed)} changed, evaluating again", flush=True)
    model = rebuild(prepared, bundle, None, None)
    notes = {name: bundle.metrics[name] for name in LASTING if name in bundle.metrics}
    with bundles.writing(bundle.path, base=bundle) as draft:
        for stale in [draft.path / PROOF, *draft.path.glob("*.png")]:
            stale.unlink(missing_ok=True)
        draft.stages.pop("verify", None)
        draft.stages["train"] = prepared.fingerprint
        write(draft.path, prepared, model, notes)
    return Bundle.open(bundle.path)
