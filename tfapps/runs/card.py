"""The model card: what a bundle holds, how good it is, how to use it."""

from __future__ import annotations

from typing import Any

from tfapps import registry
from tfapps.config.sections import RunConfig
from tfapps.printable import markdown


def card(config: RunConfig, metrics: dict[str, Any], proof: dict[str, Any]) -> str:
    """Return the bundle's README.md.

    Args:
        metrics: content of metrics.json.
        proof: content of verify.json, empty before `verify` ran.
    """
    headline = metrics["headline"]
    data = {"source": config.data.source}
    data |= config.data.model_dump(exclude_none=True, exclude_defaults=True)
    lines = [
        f"# {config.name}",
        "",
        f"{config.task.name} with a {config.model.name} model, trained by tfapps "
        f"(seed {config.seed}); every setting is in `config.yaml`.",
        "",
        f"Data: {', '.join(f'{key} {markdown(str(value))}' for key, value in data.items())}.",
        *(_note(config)),
        "",
        *artifact_table(headline, metrics, proof),
        "",
        *_greedy(config),
        f"Figures are {headline} on the dev set; all of them are in `metrics.json`, the comparison "
        "of each file with the Keras model in `verify.json`. gzip is the size of a download; "
        "partitions are the pieces that the CPU delegate of LiteRT takes a file in, 1 is best.",
        "",
        "```",
        f'tfapps predict saved_models/{config.name} "your text"',
        f"tensorboard --logdir saved_models/{config.name}/logs",
        "```",
    ]
    return "\n".join(lines) + "\n"


def artifact_table(headline: str, metrics: dict[str, Any], proof: dict[str, Any]) -> list[str]:
    """Return one markdown row an artefact: sizes, headline metric, drop, partitions, latency."""
    rows = [
        f"| artefact | size (MB) | gzip (MB) | {headline} | drop | agreement "
        "| max logit difference | partitions | latency p50 (ms) |",
        f"| --- |{' ---: |' * 8}",
    ]
    for name, figures in metrics["dev"].items():
        proven = proof.get(name, {})
        rows.append(
            f"| {name} | {number(proven.get('bytes'), 1e-6, 2)} "
            f"| {number(proven.get('gzip_bytes'), 1e-6, 2)} "
            f"| {proven.get('metric', figures[headline]):.4f} "
            f"| {number(proven.get('metric_drop'), 1, 4)} | {number(proven.get('agreement'), 1, 4)}"
            f" | {number(proven.get('max_logit_difference'), 1, 6)} "
            f"| {number(proven.get('partitions'), 1, 0)} | {number(proven.get('p50_ms'), 1, 2)} |"
        )
    if "rows" in proof.get("keras", {}):
        rows += ["", f"All on the first {proof['keras']['rows']} rows of the dev set."]
    return rows


def number(value: float | None, scale: float, digits: int) -> str:
    """Write a figure in its unit, `-` for one that was never measured."""
    return "-" if value is None else f"{value * scale:.{digits}f}"


def _greedy(config: RunConfig) -> list[str]:
    exporters = registry.artifacts()
    kinds = {name: registry.plugin("exporter", exporters[name]) for name in config.export}
    searching = [name for name, kind in kinds.items() if name in kind.searching]
    note = f"{', '.join(searching)} takes the likeliest token each time, and is compared with the "
    return [f"{note}Keras model doing the same.", ""] if searching else []


def _note(config: RunConfig) -> list[str]:
    synthetic = config.data_options.sample is not None
    return ["The data is synthetic, written by the project itself."] if synthetic else []
