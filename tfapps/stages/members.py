"""The configs of an ensemble's members."""

from __future__ import annotations

from typing import Any

from tfapps.config import load as configs
from tfapps.config.sections import RunConfig
from tfapps.errors import ConfigError

ROWS = ("data", "draw", "split_seed")  # sections that decide which rows a run learns from


def member(config: RunConfig, kind: Any, number: int, **more: Any) -> RunConfig:
    """Return the config of a member: the ensemble's config with the member's settings.

    Members split their rows as the ensemble does, whatever their own seed is: they are evaluated
    on its dev set, and their rows are numbered as its rows.

    Raises: ConfigError for an invalid variant, or one that changes the rows.
    """
    raw = config.model_dump(mode="json", exclude_unset=True)
    # The limits are for the files of all members together.
    raw["ensemble"] = raw["gate"] = raw["verify"] = None
    raw["name"] = f"{config.name}_{number}"
    raw["split_seed"] = config.rows_seed
    variants = config.ensemble.variants or [{}]
    changes = kind.member(config.ensemble, number, config.seed) | more
    _check_rows(config, kind, changes, variants)
    for key, value in {**changes, **variants[number % len(variants)]}.items():
        *path, last = key.split(".")
        place = raw
        for part in path:
            if not isinstance(place.setdefault(part, {}), dict):
                place[part] = {}
            place = place[part]
        place[last] = value
    return configs.from_dict(raw, raw["name"])


def _check_rows(
    config: RunConfig, kind: Any, changes: dict[str, Any], variants: list[dict[str, Any]]
) -> None:
    """Check that neither a fixed draw nor a variant changes the rows of the members."""
    if config.draw is not None and (kind.sequential or "draw" in changes):
        raise ConfigError([f"draw: {config.ensemble.name} draws the rows itself; leave it out"])
    keys = [key for variant in variants for key in variant if key.split(".")[0] in ROWS]
    if keys:
        raise ConfigError(
            [
                f"ensemble.variants: got {keys[0]}, but all members share the rows of the "
                "ensemble, which judges them on its dev set; set it for all of them instead"
            ]
        )
