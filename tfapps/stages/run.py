"""All stages of a run, in order."""

from __future__ import annotations

from tfapps.bundle.bundle import Bundle
from tfapps.config.sections import RunConfig
from tfapps.processes import workers
from tfapps.runs import trivial, unfinished
from tfapps.runs.card import artifact_table
from tfapps.runs.finished import finished
from tfapps.runs.prepared import Prepared, load_rows, prepare, refuse_ensemble
from tfapps.runs.trained import find_trained
from tfapps.stages import gating
from tfapps.stages import train as training
from tfapps.stages.compress import compress_prepared
from tfapps.stages.export import artifacts_key, export_prepared
from tfapps.stages.judging import current
from tfapps.stages.train import train_prepared
from tfapps.stages.verify import verify_prepared


def run(config: RunConfig, overwrite: bool = False, owner: str | None = None) -> Bundle:
    """Train, compress, export and verify; skip what was already done for this config.

    Args:
        overwrite: replace a finished run of other values or other data.
        owner: the ensemble that the run is a member of.
    """
    prepared, bundle = weights_of(config, overwrite, owner)
    return proven(prepared, bundle) if workers.chief() else bundle


def weights_of(
    config: RunConfig, overwrite: bool = False, owner: str | None = None
) -> tuple[Prepared, Bundle]:
    """Train and compress, unless that was done; see `run`."""
    refuse_ensemble(config)
    training.join_workers(config)
    rows = load_rows(config)
    bundle = finished(config, rows, overwrite=overwrite, owner=owner)
    if bundle:
        print(f"{config.name}: already trained with this config and data")
        prepared = prepare(config, bundle, rows)
        if workers.chief():
            bundle = current(prepared, bundle)
    else:
        prepared = prepare(config, rows=rows)
        source = find_trained(prepared) if config.compress else None
        bundle = source or train_prepared(prepared)
        if config.compress:
            prepared, bundle = compress_prepared(prepared, bundle)
    unfinished.remove_copies()
    return prepared, bundle


def proven(prepared: Prepared, bundle: Bundle) -> Bundle:
    """Export and verify a trained bundle, unless that was done."""
    config = prepared.config
    if bundle.manifest["stages"].get("verify") == artifacts_key(config):
        print(f"{config.name}: already exported and verified")
    else:
        bundle = verify_prepared(prepared, export_prepared(prepared, bundle))
    bundle = gating.marked(config, bundle)
    _print_summary(bundle)
    if not config.export and prepared.task.exported:
        print(
            f"export: [], so nothing was exported; add {prepared.task.exported[0]}, say, and run "
            "it again: the model is not trained again"
        )
    trivial.warn(config, bundle.metrics)
    gating.report(config, bundle)
    return bundle


def _print_summary(bundle: Bundle) -> None:
    metrics = bundle.metrics
    print("\n".join(artifact_table(metrics["headline"], metrics, bundle.proof)))
    print(f"bundle: {bundle.path}\ntensorboard --logdir {bundle.path / 'logs'}")
