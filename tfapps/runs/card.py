"""The model card: what a bundle holds, how good it is, how to use it."""

from __future__ import annotations

from typing import Any

from tfapps import registry
from tfapps.config.sections import RunConfig
from tfapps.printable import markdown
from tfapps.runs import figures, requirements

CLIENTS = "clients"  # in verify.json, of an artefact: what other runtimes answered


def card(config: RunConfig, metrics: dict[str, Any], proof: dict[str, Any]) -> str:
    """Return the bundle's README.md.

    Args:
        metrics: content of metrics.json.
        proof: content of verify.json, empty before `verify` ran.
    """
    headline = metrics["headline"]
    data = {"source": config.data.source}
    data |= config.data.model_dump(exclude_none=True, exclude_defaults=True)
    splits = {name: getattr(config.data, name) for name in ("train", "dev", "test")}
    data |= {name: split for name, split in splits.items() if split is not None}
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
        *_clients(proof),
        *_steps(headline, metrics),
        *_greedy(config),
        "All figures are in `metrics.json`, and the comparison of each file with the Keras model "
        "that it was exported from in `verify.json`. gzip is the size of a download; partitions "
        "are the pieces that the CPU delegate of LiteRT takes a file in, 1 is best.",
        "",
        "```",
        example_command(config, metrics.get("recommended"), f"saved_models/{config.name}"),
        f"tensorboard --logdir saved_models/{config.name}/logs",
        "```",
    ]
    return "\n".join(lines) + "\n"


def example_command(config: RunConfig, recommended: str | None, path: str) -> str:
    """Return a command that tries a run.

    Args:
        recommended: the artefact to ship; it answers by default, unless it is code.
    """
    artifact = " --artifact saved_model" if recommended == "saved_model" else ""
    text = '"your text"'
    if config.data_options.text_pair is not None:
        text = '\'{"text": "one text", "text_pair": "another"}\''
    return f"tfapps predict {path}{artifact} {text}"


def artifact_table(headline: str, metrics: dict[str, Any], proof: dict[str, Any]) -> list[str]:
    """Return a markdown table with a row for each artefact, and lines that explain it."""
    rows = figures.rows(metrics, proof)
    tested = any(row["test"] is not None for row in rows)
    titles = ["artefact", "size (MB)", "gzip (MB)", f"{headline} (dev)"]
    titles += [f"{headline} (test)"] if tested else []
    titles += ["drop", "agreement", "max logit difference", "partitions", "latency p50 (ms)"]
    judged = requirements.summary(proof)
    titles += ["verify"] if judged else []
    lines = [f"| {' | '.join(titles)} |", f"| --- |{' ---: |' * (len(titles) - 1)}"]
    for row in rows:
        name = f"{row['artifact']} (recommended)" if row["recommended"] else row["artifact"]
        cells = [name, number(row["bytes"], 1e-6, 2), number(row["gzip_bytes"], 1e-6, 2)]
        cells += [number(row["metric"], 1, 4), *([_with_interval(row)] if tested else [])]
        units = {"drop": 4, "agreement": 4, "max_logit_difference": 6, "partitions": 0, "p50_ms": 2}
        cells += [number(row[key], 1, digits) for key, digits in units.items()]
        cells += [judged.get(row["artifact"], "-")] if judged else []
        lines.append(f"| {' | '.join(cells)} |")
    return [*lines, "", *_explained(rows, metrics, proof)]


def _with_interval(row: dict[str, Any]) -> str:
    """Write a test figure and its 95 % interval."""
    digits = 4 if row["metric"] <= 1 else 2
    figure = number(row["test"], 1, digits)
    if row["interval"] is None:
        return figure
    low, high = (number(end, 1, digits - 1) for end in row["interval"])
    return f"{figure} ({low} to {high})"


def _explained(
    rows: list[dict[str, Any]], metrics: dict[str, Any], proof: dict[str, Any]
) -> list[str]:
    """Say which rows the figures of a table are of."""
    number_of_rows = f"{metrics['dev_rows']} " if "dev_rows" in metrics else ""
    lines = [
        f"dev: the {number_of_rows}rows that chose the best epoch, so these figures are a little "
        "too good."
    ]
    counts = {row["artifact"]: row["rows"] for row in rows if row["rows"] is not None}
    if counts:
        repeated = metrics["tested"]["keras"].get("repeated", 0)
        known = f", {repeated} of them with a text that train holds too" if repeated else ""
        some = [f"{name} on the first {n}" for name, n in counts.items() if n < counts["keras"]]
        more = f" ({', '.join(some)})" if some else ""
        lines.append(
            f"test: {counts['keras']} rows that nothing was trained or chosen on{known}{more}; in "
            "brackets the 95 % interval."
        )
    if "rows" in proof.get("keras", {}):
        lines.append(f"All on the first {proof['keras']['rows']} rows of the dev set.")
    if any(row["recommended"] for row in rows):
        lines.append("recommended: the smallest file within the gate, see `gate:` of the config.")
    lines += requirements.listed(proof)
    against = "the model before compression" if figures.UNCOMPRESSED in metrics else "keras"
    return [*lines, f"drop: what is lost on dev against {against}."]


def client_line(entry: dict[str, Any]) -> str:
    """Return what a client's answers to the dev set were like, an entry of verify.json."""
    same, rows = entry["same"], entry["rows"]
    line = f"the same {entry['decides']} for {same} of {rows} dev rows in {entry['runtime']}"
    difference = entry["max_difference"]
    if entry["ties"]:
        line += f" ({entry['ties']} more with another of equal score)"
    return line if difference is None else f"{line}, scores up to {difference:.2g} away"


def _clients(proof: dict[str, Any]) -> list[str]:
    """Return a line for each client that answered with a file."""
    lines = [
        f"- {name}: {client_line(entry)}."
        for name, part in proof.items()
        for entry in part.get(CLIENTS, {}).values()
    ]
    return ["Answers in other runtimes, against those of the bundle:", "", *lines, ""] * bool(lines)


def number(value: float | None, scale: float, digits: int) -> str:
    """Write a figure in its unit, `-` for one that was never measured."""
    return "-" if value is None else f"{value * scale:.{digits}f}"


def _steps(headline: str, metrics: dict[str, Any]) -> list[str]:
    """Return a table of what each step of `compress:` cost."""
    before = metrics.get(figures.UNCOMPRESSED)
    if before is None:
        return []
    lines = [f"| step of compression | {headline} (dev) | report |", "| --- | ---: | --- |"]
    lines.append(f"| trained | {before['dev'][headline]:.4f} | |")
    for step in metrics["compression"]:
        report = ", ".join(figures.reported(step["report"]))
        lines.append(f"| {step['name']} | {step['dev'][headline]:.4f} | {report} |")
    return [*lines, ""]


def _greedy(config: RunConfig) -> list[str]:
    exporters = registry.artifacts()
    kinds = {name: registry.plugin("exporter", exporters[name]) for name in config.export}
    searching = [name for name, kind in kinds.items() if name in kind.searching]
    note = f"{', '.join(searching)} takes the likeliest token each time, and is compared with the "
    return [f"{note}Keras model doing the same, but for its drop.", ""] if searching else []


def _note(config: RunConfig) -> list[str]:
    synthetic = config.data_options.sample is not None
    return ["The data is synthetic, written by the project itself."] if synthetic else []
