"""Opening and reading a TensorFlow data set; whatever goes wrong ends in one line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tfapps import registry
from tfapps.errors import InputError
from tfapps.presets import network, offline

OFFLINE = "prepare it with tensorflow_datasets first"


def prepared(dataset: str, data_dir: str | None) -> Any:
    """Return the builder of a data set, downloaded if need be.

    Raises:
        InputError: no such data set, or it can't be had (no network).
    """
    import tensorflow_datasets as tfds

    folder = Path(dataset).expanduser()
    try:
        if (folder / "dataset_info.json").is_file():
            return tfds.builder_from_directory(folder)
        if dataset.startswith((".", "/", "~")):
            raise InputError(f"{folder}: no prepared data set (no dataset_info.json) there")
        if ":" in dataset:  # of a community, whose code would be fetched
            offline.check(f"data set {dataset!r}", OFFLINE)
        where = None if data_dir is None else Path(data_dir).expanduser()
        builder = tfds.builder(dataset, data_dir=where)
    except tfds.core.DatasetNotFoundError as error:
        hint = registry.hint(dataset, tfds.list_builders(with_community_datasets=False))
        raise InputError(
            f"unknown data set {dataset!r}: expected a name of TensorFlow Datasets, "
            f"or the folder of a prepared one{hint}"
        ) from error
    except InputError:
        raise
    except Exception as error:  # whatever a third party's builder raises ends in one line
        raise InputError(f"cannot open data set {dataset!r}: {_line(error)}") from error
    if not builder.data_path.exists():
        offline.check(f"data set {dataset!r}", OFFLINE)
    _check_reachable(builder, dataset)
    try:
        builder.download_and_prepare()
    except Exception as error:
        raise InputError(
            f"cannot prepare data set {dataset!r}: {_line(error)}; it needs a network once, "
            f"or data_dir with the prepared files"
        ) from error
    return builder


def _check_reachable(builder: Any, dataset: str) -> None:
    """Refuse a download that cannot begin.

    Raises:
        InputError: none of the data set's hosts answers.
    """
    above = builder.data_path.parents[builder.info.full_name.count("/")]
    downloads = above / "downloads"
    if builder.data_path.exists() or (downloads.exists() and any(downloads.iterdir())):
        return
    host = network.unreachable(builder.url_infos)
    if host is not None:
        raise InputError(
            f"data set {dataset!r}: not in {builder.data_path}, and {host} cannot be reached to "
            "download it; prepare it on a machine with a network, copy its folder here and set "
            "data.data_dir to the folder above it"
        )


def sizes(builder: Any) -> str:
    """Return rows and bytes of the files, which identify a preparation of a data set."""
    splits = sorted(builder.info.splits.items())
    return json.dumps([(name, split.shard_lengths, split.num_bytes) for name, split in splits])


def columns(builder: Any) -> list[str]:
    """Return the names of the features; a stored data set has them in no order."""
    features = builder.info.features
    return sorted(features) if hasattr(features, "keys") else []


def rows(
    builder: Any, dataset: str, split: str, names: list[str]
) -> list[tuple[str, dict[str, Any]]]:
    """Return (place, record) of a split: the wanted features, as Python's own types.

    Raises:
        InputError: no such split, an empty one, or it can't be read.
    """
    records = list(stream(builder, dataset, split, names))
    if not records:
        raise InputError(f"data set {dataset}: split {split!r} is empty")
    return records


def stream(
    builder: Any, dataset: str, split: str, names: list[str]
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield what `rows` gives, one at a time.

    Raises:
        InputError: no such split, or it can't be read.
    """
    import tensorflow_datasets as tfds

    try:
        # Without a fixed order of files the rows would differ from run to run.
        options = tfds.ReadConfig(interleave_cycle_length=1)
        stored = builder.as_dataset(split=split, shuffle_files=False, read_config=options)
        stored = stored.map(lambda row: {key: row[key] for key in names})
        for number, row in enumerate(tfds.as_numpy(stored)):
            yield f"{dataset} {split} row {number}", {key: _plain(row[key]) for key in row}
    except Exception as error:  # whatever a third party's builder raises ends in one line
        splits = ", ".join(builder.info.splits)
        raise InputError(
            f"cannot read split {split!r} of {dataset} (splits: {splits}): {_line(error)}"
        ) from error


def class_names(feature: Any) -> list[str] | None:
    """Return the class names of a ClassLabel, or of a sequence of them; None for others."""
    return getattr(getattr(feature, "feature", feature), "names", None)


def class_name(value: Any, names: list[str] | None) -> Any:
    """Return the name of a stored class, or a list of names; other values unchanged."""
    if names is None or isinstance(value, str):
        return value
    if isinstance(value, list):
        return [class_name(part, names) for part in value]
    return names[value] if 0 <= value < len(names) else None  # -1 is how TFDS writes "unlabelled"


def _plain(value: Any) -> Any:
    """Turn numpy and bytes into Python; bytes that are not UTF-8 stay recognisable."""
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, list):
        return [_plain(part) for part in value]
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value


def _line(error: Exception) -> str:
    """Return the text of an exception as one short line."""
    message = " ".join(str(error).split()) or type(error).__name__
    return message if len(message) <= 200 else message[:197] + "..."
