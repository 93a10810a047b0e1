"""All stages of a run, in order."""

from __future__ import annotations

from tfapps.bundle import Bundle, read_json
from tfapps.config import RunConfig
from tfapps.stages.card import artifact_table
from tfapps.stages.export import artifacts_key, export
from tfapps.stages.prepare import prepare
from tfapps.stages.train import OUTPUT, train_prepared
from tfapps.stages.verify import verify


def run(config: RunConfig) -> Bundle:
    """Train, export and verify, leaving out what a run of the same config already did."""
    prepared = prepare(config)
    bundle = _finished(config, prepared.fingerprint)
    if bundle:
        print(f"{config.name}: already trained with this config and data")
    else:
        bundle = train_prepared(prepared)
    stages = bundle.manifest["stages"]
    if stages.get("verify") == artifacts_key(config):
        print(f"{config.name}: already exported and verified")
    else:
        bundle = verify(config, export(config, bundle))
    _tell(bundle)
    return bundle


def _finished(config: RunConfig, fingerprint: str) -> Bundle | None:
    if not (OUTPUT / config.name / "manifest.json").exists():
        return None
    bundle = Bundle.open(OUTPUT / config.name)
    return bundle if bundle.manifest["stages"].get("train") == fingerprint else None


def _tell(bundle: Bundle) -> None:
    metrics = read_json(bundle.path / "metrics.json")
    proof_file = bundle.path / "verify.json"
    proof = read_json(proof_file) if proof_file.exists() else {}
    print("\n".join(artifact_table(metrics["headline"], metrics, proof)))
    print(f"bundle: {bundle.path}\ntensorboard --logdir {bundle.path / 'logs'}")
