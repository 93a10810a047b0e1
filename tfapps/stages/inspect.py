"""Show a config, its data and its model as text, without training."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tfapps import registry
from tfapps.assembly.assemble import assemble
from tfapps.backends import tiles
from tfapps.config.load import dump
from tfapps.config.sections import RunConfig
from tfapps.data.corpora import Corpus
from tfapps.data.staged import Stage, Staged
from tfapps.printable import plain
from tfapps.runs.prepared import Prepared, prepare
from tfapps.text import tags

BLOCKS = "transformer blocks"  # a part of models whose products take all tokens at once


def inspect(config: RunConfig) -> str:
    """Return the resolved config, the data, one batch decoded, shapes and parameter counts."""
    prepared = prepare(config)
    model = assemble(config, prepared.task, vocabulary_size=prepared.tokenizer.vocabulary_size)
    parameters = sum(int(np.prod(weight.shape)) for weight in model.weights)
    parts = [
        "# config",
        dump(config).rstrip(),
        "\n# data",
        *(_split(prepared, name) for name in prepared.encoded),
        "\n# first batch",
        *_batch(prepared),
        *_computed(config, prepared, tiles.here()),
        "\n# model",
        *(
            f"input  {name:<14} {tuple(tensor.shape)} {tensor.dtype}"
            for name, tensor in model.input.items()
        ),
        *(
            f"output {name:<14} {tuple(tensor.shape)} {tensor.dtype}"
            for name, tensor in _outputs(model).items()
        ),
        *(f"{layer.count_params():>12,}  {layer.name}" for layer in model.layers if layer.weights),
        f"{parameters:>12,}  parameters, {4 * parameters / 1e6:.1f} MB in float32",
    ]
    return "\n".join(parts)


def _computed(config: RunConfig, prepared: Prepared, tile: tiles.Tiles | None) -> list[str]:
    """Return the rows that files compute for a text; nothing if they do not come in tiles."""
    module = registry.load("model", config.model.name)
    if tile is None or BLOCKS not in module.Model.parts:
        return []
    lengths = np.diff(prepared.encoded["train"].columns["token_ids"].offsets)
    lines = [
        f"{name:<16}{_row(length, height, lengths)}"
        for name in config.export
        if (height := tile.of(name))
        for length in (*sorted(config.lengths), config.model.max_length)
    ]
    return [f"\n# rows computed on this processor ({tile.processor})", *lines] if lines else []


def _row(length: int, height: int, lengths: np.ndarray) -> str:
    """Return what a file of a length computes, and what the next shorter one would save."""
    computed, shorter = tiles.rows(length, height), length // height * height
    line = f"{length} tokens are computed as {computed} rows, {height} a tile"
    if computed == length or not shorter:
        return line
    saved, cut = 100 * (1 - shorter / computed), int((lengths > shorter).sum())
    return f"{line}; {shorter} would save {saved:.0f} %, {cut} of {len(lengths)} texts are longer"


def _wanted(prepared: Prepared, row: int) -> str:
    """Return the target of a row as text, if it has one."""
    if isinstance(prepared.rows["train"], Corpus):
        return ""
    example = prepared.examples["train"][row]
    if "tags" in example:
        target = " ".join(filter(None, [example.get("label"), *example["tags"]]))
    elif "target" in example:
        target = example["target"]
    elif isinstance(example["label"], str):
        target = example["label"]
    else:
        target = ", ".join(example["label"]) or "no label"
    return f"{plain(target)} <- "


def _outputs(model: Any) -> dict[str, Any]:
    return model.output if isinstance(model.output, dict) else {"logits": model.output}


def _split(prepared: Prepared, name: str) -> str:
    encoded = prepared.encoded[name]
    lengths = np.diff(encoded.columns["token_ids"].offsets)
    return (
        f"{name:<6} {len(encoded)} rows; tokens median {np.median(lengths):.0f}, "
        f"95% {np.percentile(lengths, 95):.0f}, longest {lengths.max()}; "
        f"{encoded.truncated} truncated"
        f"{'' if isinstance(prepared.rows[name], Corpus) else _labels(prepared.examples[name])}"
    )


def _labels(examples: Sequence[Mapping[str, Any]]) -> str:
    """Return the most common labels of texts or entities, if there are any."""
    labels_by_row = [example["label"] for example in examples if example.get("label") is not None]
    labels_by_row += [[s.label for s in tags.spans(e["tags"])] for e in examples if e.get("tags")]
    labels = Counter(
        label
        for row_labels in labels_by_row
        for label in ([row_labels] if isinstance(row_labels, str) else row_labels)
    )
    common = ", ".join(f"{plain(label)} {count}" for label, count in labels.most_common(5))
    summary = f"; {len(labels)} labels: {common}{', ...' * (len(labels) > 5)}"
    return summary if labels else ""


def _batch(prepared: Prepared) -> list[str]:
    epoch_batches = prepared.training_batches()
    lines = [f"steps an epoch: {epoch_batches.steps_per_epoch}"]
    stages = (
        epoch_batches.stages if isinstance(epoch_batches, Staged) else [Stage(epoch_batches, 0)]
    )
    for batches, steps in stages:
        sizes = zip(batches.sizes, batches.buckets, strict=True)
        shapes = ", ".join(f"{rows} x {length}" for rows, length in sizes)
        lines.append(f"rows x length: {shapes}{f' for {steps} steps' if len(stages) > 1 else ''}")
    first = stages[0].batches
    features, targets, weight = next(iter(first.epoch(0)))
    named = {**features, **targets, "weight": weight}
    lines += [
        f"{name:<14} {tuple(value.shape)} {value.dtype.name}" for name, value in named.items()
    ]
    for row in first.rows_of(0, 0)[:3]:
        ids = first.encoded.columns["token_ids"][row]
        lines.append(f"  {_wanted(prepared, row)}{plain(prepared.tokenizer.decode(ids)[:200])}")
    return lines
