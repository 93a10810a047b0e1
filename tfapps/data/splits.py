"""Train, dev and test examples of a config; dev and test sets can be carved out of train."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np

from tfapps import registry
from tfapps.config.sections import DataOptions
from tfapps.data.limits import First
from tfapps.errors import InputError
from tfapps.text import tags

Example = dict[str, Any]
SHOWN = 5
PLACES = ("source", "root", "dataset", "data_dir", "sample", "dev")


def load(config: Any, seed: int) -> dict[str, list[Example]]:
    """Load examples by split: train, dev, and test if the config has one.

    Args:
        config: the `data` section.
        seed: of every draw of rows: `limit`, dev and test sets carved out of train, and `shots`.

    Raises:
        InputError: something in the data is not as the config says.
    """
    source = registry.plugin("source", config.source)
    options = DataOptions.of(config)
    splits = {"train": limited(source.read(config, "train"), options.limit, seed)}
    shares = _shares_of_train(config)
    rows = len(splits["train"]) if shares else 0
    for name in ("dev", "test"):  # in this order, so that the dev rows never depend on `test`
        if name in shares:
            share = shares[name] * rows / len(splits["train"])
            splits["train"], splits[name] = carve(splits["train"], share, seed, name)
        elif getattr(config, name) is not None:
            splits[name] = source.read(config, name)
    if options.shots is not None:
        splits["train"] = few_shot(splits["train"], options.shots, seed)
    for name, examples in splits.items():
        if not examples:
            raise InputError(f"data.{name}: no examples")
    return splits


def _shares_of_train(config: Any) -> dict[str, float]:
    """Return the splits that are carved out of train, each with its share of all rows.

    Raises: InputError if they leave no row to train on.
    """
    shares = {name: getattr(config, name) for name in carved(config)}
    if sum(shares.values()) >= 1:
        raise InputError(
            f"data.test: got {config.test}, which with data.dev, {config.dev}, leaves no row to "
            "train on; expected less than 1 together"
        )
    return shares


def carved(data: Any) -> list[str]:
    """Return which of dev and test are carved out of train."""
    return [name for name in ("dev", "test") if isinstance(getattr(data, name), float)]


def dev_rows_key(data: Any, seed: int) -> dict[str, Any]:
    """Return what decides which rows are in the dev set, for a `data` section and its seed."""
    of_train = "dev" in carved(data)
    keys = [*PLACES, *(("train", "limit") if of_train else ())]
    decides = {f"data.{key}": getattr(data, key) for key in keys if hasattr(data, key)}
    return decides | ({"split_seed": seed} if of_train else {})


def carve(
    examples: list[Example], fraction: float, seed: int, split: str = "dev"
) -> tuple[list[Example], list[Example]]:
    """Split off a fraction as dev or test set, every label in its share; both keep their order.

    A pure function of examples and seed. The last example of a label always stays in train, and
    so does the last example of all.

    Args:
        split: name of the set that is split off, for messages.

    Raises:
        InputError: the fraction is not between 0 and 1, or too few examples to give any away.
    """
    if not 0 < fraction < 1:
        raise InputError(
            f"data.{split}: got {fraction}, expected a file, or a fraction between 0 and 1"
        )
    labels = [labels_of(example) for example in examples]
    left = Counter(label for row in labels for label in row)
    order = np.random.default_rng([seed, len(examples)]).permutation(len(examples)).tolist()
    strata = _strata(order, labels, left)
    quotas = _shares({name: len(rows) for name, rows in strata.items()}, fraction)
    taken: set[int] = set()

    def assign(rows: list[int], quota: int) -> None:
        for row in rows:
            if quota > 0 and row not in taken and all(left[label] > 1 for label in labels[row]):
                quota -= 1
                taken.add(row)
                left.subtract(labels[row])

    for name, rows in strata.items():
        assign(rows, quotas[name])
    assign(order, sum(quotas.values()) - len(taken))  # what labels with a single row had to keep
    if not taken or len(taken) == len(examples):
        raise InputError(
            f"data.{split}: {fraction:.3g} of {len(examples)} examples leaves none for {split} or "
            f"for train (a label's last example stays in train); name a {split} file or add data"
        )
    train = [example for row, example in enumerate(examples) if row not in taken]
    return train, [examples[row] for row in sorted(taken)]


def limited(examples: Any, limit: int | First | None, seed: int) -> Any:
    """Return at most `limit` examples, stratified by label; a pure function.

    They keep their order. Running text is returned as it is: its source has cut it.

    Raises:
        InputError: the limit has no room for a row of each label.
    """
    if limit is None or not isinstance(examples, list):
        return examples
    if isinstance(limit, First):
        return examples[: limit.first]
    if limit >= len(examples):
        return examples
    labels = [labels_of(example) for example in examples]
    order = np.random.default_rng([seed, len(examples), limit]).permutation(len(examples)).tolist()
    counts = Counter(label for row in labels for label in row)
    taken = _cover(order, labels, counts)
    if len(taken) > limit:
        raise InputError(
            f"data.limit: got {limit}, but a row of each of the {len(counts)} labels takes "
            f"{len(taken)}; raise it, or take the first rows with `limit: {{first: {limit}}}`"
        )
    strata = _strata(order, labels, counts)
    quotas = _shares({name: len(rows) for name, rows in strata.items()}, limit / len(examples))
    shares = {row for name, rows in strata.items() for row in rows[: quotas[name]]}
    # All of `order` behind them, for rows of several labels, which the cover may have taken first.
    for row in [*(row for row in order if row in shares), *order]:
        if len(taken) == limit:
            break
        taken.add(row)
    return [examples[row] for row in sorted(taken)]


def _cover(order: list[int], labels: list[list[str]], counts: Counter[str]) -> set[int]:
    """Return a row of every label, the first in `order`; rare labels first."""
    first: dict[str, int] = {}
    for row in order:
        for label in labels[row]:
            first.setdefault(label, row)
    rows, covered = set(), set()
    for label in sorted(counts, key=lambda label: (counts[label], label)):
        if label not in covered:
            rows.add(first[label])
            covered.update(labels[first[label]])
    return rows


def _strata(
    order: list[int], labels: list[list[str]], counts: Counter[str]
) -> dict[str, list[int]]:
    """Group rows by their rarest label, which a random draw would lose first."""
    strata: dict[str, list[int]] = {}
    for row in order:
        rarest = min(labels[row], key=lambda label: (counts[label], label), default="")
        strata.setdefault(rarest, []).append(row)
    return strata


def few_shot(examples: list[Example], shots: int, seed: int) -> list[Example]:
    """Return `shots` examples of each label, in their order; a pure function.

    Raises:
        InputError: a label has fewer, or an example has not just one.
    """
    labels = [example.get("label") for example in examples]
    if not all(isinstance(label, str) for label in labels):
        raise InputError(
            f"data.shots: got {shots}, but not every row has just one label; leave it out"
        )
    short = {label: count for label, count in sorted(Counter(labels).items()) if count < shots}
    if short:
        shortages = [f"{label} has {count}" for label, count in short.items()]
        more = f" and {len(shortages) - SHOWN} more have too few" if len(shortages) > SHOWN else ""
        raise InputError(
            f"data.shots: got {shots}, expected no more than the rows of any label, but "
            f"{', '.join(shortages[:SHOWN])}{more}"
        )
    order = np.random.default_rng([seed, len(examples), shots]).permutation(len(examples))
    taken: list[int] = []
    left = Counter(dict.fromkeys(labels, shots))
    for row in order.tolist():
        if left[labels[row]] > 0:
            left[labels[row]] -= 1
            taken.append(row)
    return [examples[row] for row in sorted(taken)]


def labels_of(example: Example) -> list[str]:
    """Return labels and tag types of an example, which a task learns in training."""
    label = example.get("label")
    labels = label if isinstance(label, list) else [] if label is None else [label]
    types = {tags.split(tag)[1] for tag in example.get("tags") or ()} - {""}
    return [*labels, *(f"tag {name}" for name in sorted(types))]


def _shares(sizes: dict[str, int], fraction: float) -> dict[str, int]:
    """Return integers near fraction * size that sum to fraction of all (largest remainders)."""
    exact = {name: size * fraction for name, size in sizes.items()}
    shares = {name: int(value) for name, value in exact.items()}
    rows = sum(sizes.values())
    missing = min(max(1, round(rows * fraction)), max(1, rows - 1)) - sum(shares.values())
    # The sort is stable: equal remainders keep the order of `sizes`, which the seed decides.
    by_remainder = sorted(sizes, key=lambda name: shares[name] - exact[name])
    for name in by_remainder[:missing]:
        shares[name] += 1
    return shares
