"""All stages of a run, in order."""

from __future__ import annotations

from tfapps.bundle import MANIFEST, Bundle, read_json
from tfapps.config import RunConfig
from tfapps.stages.card import artifact_table
from tfapps.stages.export import artifacts_key, export_prepared
from tfapps.stages.prepare import Prepared, prepare
from tfapps.stages.train import OUTPUT, train_prepared
from tfapps.stages.trained import is_trained
from tfapps.stages.verify import verify_prepared


def run(config: RunConfig) -> Bundle:
    """Train, export and verify, leaving out what a run of the same config already did."""
    prepared = prepare(config)
    bundle = _finished(prepared)
    if bundle:
        print(f"{config.name}: already trained with this config and data")
    else:
        bundle = train_prepared(prepared)
    stages = bundle.manifest["stages"]
    if stages.get("verify") == artifacts_key(config):
        print(f"{config.name}: already exported and verified")
    else:
        bundle = verify_prepared(prepared, export_prepared(prepared, bundle))
    _tell(bundle)
    return bundle


def _finished(prepared: Prepared) -> Bundle | None:
    path = OUTPUT / prepared.config.name
    if not (path / MANIFEST).exists():
        return None
    bundle = Bundle.open(path)
    return bundle if is_trained(bundle, prepared) else None


def _tell(bundle: Bundle) -> None:
    metrics = read_json(bundle.path / "metrics.json")
    proof_file = bundle.path / "verify.json"
    proof = read_json(proof_file) if proof_file.exists() else {}
    print("\n".join(artifact_table(metrics["headline"], metrics, proof)))
    print(f"bundle: {bundle.path}\ntensorboard --logdir {bundle.path / 'logs'}")
