"""Any TensorFlow data set, by its name or by the folder it was prepared in."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tfapps import registry
from tfapps.data.sources import _examples, _files
from tfapps.errors import InputError


class Config(_examples.Columns):
    """Data set, splits (`train[:90%]` works) and features of it."""

    source: str = "tfds"
    dataset: str
    data_dir: str | None = None
    train: str = "train"
    dev: str | _examples.Fraction = "validation"
    test: str | None = None


def read(config: Config, split: str) -> list[_examples.Example]:
    """Examples of train, dev or test; class numbers become class names.

    Raises:
        InputError: unknown data set, split or feature, or it can't be had (no network).
    """
    name = getattr(config, split)
    if not isinstance(name, str):
        raise InputError(f"data.{split}: got {name}, expected the name of a split to read")
    import tensorflow_datasets as tfds

    builder = _builder(config)
    features = builder.info.features
    there = list(features) if hasattr(features, "keys") else []
    _examples.check_columns(config, there, f"data set {config.dataset}", labelled=True)
    try:
        # Without a fixed order of files the rows would differ from run to run.
        options = tfds.ReadConfig(interleave_cycle_length=1)
        stored = builder.as_dataset(split=name, shuffle_files=False, read_config=options)
        wanted = _examples.wanted(config, labelled=True)
        rows = list(tfds.as_numpy(stored.map(lambda row: {key: row[key] for key in wanted})))
    except Exception as error:  # whatever a third party's builder raises ends in one line
        splits = ", ".join(builder.info.splits)
        raise InputError(
            f"cannot read split {name!r} of {config.dataset} (splits: {splits}): {_line(error)}"
        ) from error
    if not rows:
        raise InputError(f"data set {config.dataset}: split {name!r} is empty")
    records = (
        (f"{config.dataset} {name} row {number}", {key: _plain(row[key]) for key in row})
        for number, row in enumerate(rows)
    )
    names = _label_names(features[config.label])
    return _examples.limited(
        config, split, _examples.build(config, records, True, name_of=lambda v: _name(v, names))
    )


def read_file(config: Config, path: str | Path, labelled: bool = True) -> list[_examples.Example]:
    """Examples of any tsv, csv or jsonl file with the features of the config as columns."""
    return _examples.read_file(config, path, _files.form_of(str(path)), labelled)


def _builder(config: Config) -> Any:
    """The prepared builder, downloaded if need be."""
    import tensorflow_datasets as tfds

    folder = Path(config.dataset).expanduser()
    try:
        if (folder / "dataset_info.json").is_file():
            return tfds.builder_from_directory(folder)
        if config.dataset.startswith((".", "/", "~")):
            raise InputError(f"{folder}: no prepared data set (no dataset_info.json) there")
        data_dir = None if config.data_dir is None else Path(config.data_dir).expanduser()
        builder = tfds.builder(config.dataset, data_dir=data_dir)
    except tfds.core.DatasetNotFoundError as error:
        near = registry.nearest(config.dataset, tfds.list_builders(with_community_datasets=False))
        hint = f"; did you mean {near!r}?" if near else ""
        raise InputError(
            f"unknown data set {config.dataset!r}: expected a name of TensorFlow Datasets, "
            f"or the folder of a prepared one{hint}"
        ) from error
    except InputError:
        raise
    except Exception as error:  # whatever a third party's builder raises ends in one line
        raise InputError(f"cannot open data set {config.dataset!r}: {_line(error)}") from error
    try:
        builder.download_and_prepare()
    except Exception as error:
        raise InputError(
            f"cannot prepare data set {config.dataset!r}: {_line(error)}; it needs a network once, "
            f"or data_dir with the prepared files"
        ) from error
    return builder


def _label_names(feature: Any) -> list[str] | None:
    """Class names of a ClassLabel, or of a sequence of them."""
    return getattr(getattr(feature, "feature", feature), "names", None)


def _name(label: Any, names: list[str] | None) -> Any:
    if names is None or isinstance(label, str):
        return label
    if isinstance(label, list):
        return [_name(part, names) for part in label]
    return names[label] if 0 <= label < len(names) else None  # -1 is how TFDS writes "unlabelled"


def _plain(value: Any) -> Any:
    """numpy and bytes to Python; bytes that are not UTF-8 stay recognisable."""
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, list):
        return [_plain(part) for part in value]
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value


def _line(error: Exception) -> str:
    """What an exception says, on one line of bearable length."""
    said = " ".join(str(error).split()) or type(error).__name__
    return said if len(said) <= 200 else said[:197] + "..."
