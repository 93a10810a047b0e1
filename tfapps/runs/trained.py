"""A trained run: its bundle with the data it was trained on, and its model built anew."""

from __future__ import annotations

from collections.abc import Set
from typing import TYPE_CHECKING

from tfapps.assembly.assemble import of_bundle
from tfapps.bundle.bundle import MANIFEST, Bundle
from tfapps.config.sections import RunConfig
from tfapps.errors import InputError
from tfapps.graph.precision import precision
from tfapps.printable import plain
from tfapps.runs import fingerprints
from tfapps.runs.contents import compression_key
from tfapps.runs.prepared import Prepared, prepare
from tfapps.runs.unfinished import OUTPUT

if TYPE_CHECKING:
    import keras


def open_trained(config: RunConfig, bundle: Bundle | None = None) -> tuple[Prepared, Bundle]:
    """Open the bundle of a config for export or verify.

    Args:
        bundle: it, if it is opened already.

    Raises:
        InputError: there is none, or config or data changed since it was trained: what the files
            say about the model would be wrong.
    """
    bundle = Bundle.open(OUTPUT / config.name) if bundle is None else bundle
    bundle = bundle.verify()  # its files go into a new bundle
    prepared = prepare(config, bundle)
    if not is_trained(bundle, prepared):
        raise InputError(
            f"{bundle.path} was trained with another config or other data; run `tfapps train` "
            "(or `tfapps run`) with this one first"
        )
    if not is_compressed(bundle, config):
        raise InputError(
            f"{bundle.path} is not compressed as this config says; run `tfapps compress` "
            "(or `tfapps run`) with it first"
        )
    return prepared, bundle


def find_trained(prepared: Prepared) -> Bundle | None:
    """Return a bundle that holds what this config trains, before compression.

    Its own bundle, or that of a run which trains alike: a model is trained once, however many ways
    it is made small.
    """
    own = OUTPUT / prepared.config.name
    known = {prepared.fingerprint, fingerprints.full(prepared.config, prepared.rows)}
    manifests = OUTPUT.glob(f"[!.]*/{MANIFEST}")
    for file in sorted(manifests, key=lambda file: (file.parent != own, file)):
        try:
            bundle = Bundle.open(file.parent)
            if _is_source(bundle, prepared, known):
                return bundle.verify()
        except InputError as error:
            print(f"skipped: {plain(str(error))}", flush=True)
    return None


def _is_source(bundle: Bundle, prepared: Prepared, known: Set[str]) -> bool:
    """Return whether a bundle holds the weights to compress, and they mean the same ids and labels.

    Args:
        known: fingerprints of what the config trains.
    """
    stages = bundle.manifest.get("stages", {})
    if stages.get("train") not in known or stages.get("compress"):
        return False
    files = bundle.manifest["files"]
    return {n: files[n] for n in files if n.startswith("text/")} == prepared.text_files


def is_trained(bundle: Bundle, prepared: Prepared) -> bool:
    """Return whether the bundle's weights came from this config and data."""
    stored = bundle.manifest["stages"].get("train")
    return stored == prepared.fingerprint or stored == fingerprints.full(
        prepared.config, prepared.rows
    )


def is_compressed(bundle: Bundle, config: RunConfig) -> bool:
    """Tell whether the bundle went through this config's `compress:`, or both have none."""
    return bundle.manifest["stages"].get("compress", "") == compression_key(config)


def rebuild(
    prepared: Prepared, bundle: Bundle, batch_size: int | None, length: int | None
) -> keras.Model:
    """Build in float32 with the given static shape, (b, t); None leaves an axis open."""
    shape = {"batch_size": batch_size, "length": length}
    with precision("float32"):
        return of_bundle(bundle, prepared.config, prepared.task, prepared.tokenizer, **shape)
