"""Check the limits of `verify:` against the rest of a config."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import ModuleType
from typing import Any

from tfapps import registry
from tfapps.config.sections import VerifyConfig


def problems(verify: Any, exports: Sequence[str | None], ensemble: ModuleType | None) -> list[str]:
    """Check that there are files to hold to the limits of `verify:`, and figures of them.

    Args:
        verify: the section as it was read: it may have problems of its own.
        exports: names, None for one that is a problem already.
        ensemble: the plug-in that combines the files of several runs; None for a single run.
    """
    if not isinstance(verify, Mapping):
        return []
    misfits = []
    exported = [name for name in exports if name]
    known = VerifyConfig.model_fields
    stated = {key: value for key, value in verify.items() if key in known and value is not None}
    for key, value in stated.items():
        if not exports:
            misfits.append(f"verify.{key}: got {value}, but export: names no file to hold to it")
        elif isinstance(value, dict):
            misfits += [
                f"verify.{key}.{name}: export: does not name this artefact, only "
                f"{', '.join(exported)}{registry.hint(name, exported)}; correct the name, add it "
                "to export:, or take the limit out"
                for name in value
                if name not in exported and isinstance(name, str)
            ]
    if "max_ms" in stated and ensemble and not registry.class_of(ensemble).averages_weights:
        misfits.append("verify.max_ms: the latency of an ensemble is not measured; leave it out")
    return misfits
