"""All stages of a run, in order."""

from __future__ import annotations

from typing import Any

from tfapps.bundle.bundle import MANIFEST, Bundle
from tfapps.config.sections import RunConfig
from tfapps.processes import workers
from tfapps.runs import fingerprints, unfinished
from tfapps.runs.card import artifact_table
from tfapps.runs.prepared import Prepared, load_rows, prepare, refuse_ensemble
from tfapps.runs.trained import find_trained, is_compressed
from tfapps.runs.unfinished import OUTPUT
from tfapps.stages import train as training
from tfapps.stages.compress import compress_prepared
from tfapps.stages.export import artifacts_key, export_prepared
from tfapps.stages.judging import current
from tfapps.stages.train import train_prepared
from tfapps.stages.verify import verify_prepared


def run(config: RunConfig) -> Bundle:
    """Train, compress, export and verify; skip what was already done for this config."""
    refuse_ensemble(config)
    training.join_workers(config)
    rows = load_rows(config)
    bundle = finished(config, rows)
    if bundle:
        print(f"{config.name}: already trained with this config and data")
        prepared = prepare(config, bundle, rows)
        bundle = current(prepared, bundle)
    else:
        prepared = prepare(config, rows=rows)
        source = find_trained(prepared) if config.compress else None
        bundle = source or train_prepared(prepared)
        if config.compress:
            prepared, bundle = compress_prepared(prepared, bundle)
    if not workers.chief():
        unfinished.remove_copies()
        return bundle
    return proven(prepared, bundle)


def proven(prepared: Prepared, bundle: Bundle) -> Bundle:
    """Export and verify a trained bundle, unless that was done."""
    config = prepared.config
    if bundle.manifest["stages"].get("verify") == artifacts_key(config):
        print(f"{config.name}: already exported and verified")
    else:
        bundle = verify_prepared(prepared, export_prepared(prepared, bundle))
    _print_summary(bundle)
    return bundle


def finished(config: RunConfig, rows: dict[str, Any]) -> Bundle | None:
    """Return the config's bundle if it is trained, and compressed if the config asks for it."""
    path = OUTPUT / config.name
    if not (path / MANIFEST).exists():
        return None
    bundle = Bundle.open(path)
    done = fingerprints.trained_by(bundle, config, rows) and is_compressed(bundle, config)
    return bundle if done else None


def _print_summary(bundle: Bundle) -> None:
    metrics = bundle.metrics
    print("\n".join(artifact_table(metrics["headline"], metrics, bundle.proof)))
    print(f"bundle: {bundle.path}\ntensorboard --logdir {bundle.path / 'logs'}")
