"""Any TensorFlow data set, by its name or by the folder it was prepared in."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from tfapps.config.sections import ADDED
from tfapps.data.sources import _examples, _options, _records, _tables, _tfds, base


class Config(_examples.Columns):
    """Data set, splits (`train[:90%]` works) and features of it."""

    source: str = "tfds"
    dataset: str
    data_dir: str | None = None
    train: str = "train"
    dev: str | _examples.Fraction = "validation"
    test: str | _examples.Fraction | None = None
    label_separator: Annotated[_options.Separator, ADDED] = None


def read(config: Config, split: str) -> list[_examples.Example]:
    """Return the examples of train, dev or test; class numbers become class names.

    Raises:
        InputError: unknown data set, split or feature, or it can't be had (no network).
    """
    name = _examples.named(config, split, "the name of a split")
    builder = _tfds.prepared(config.dataset, config.data_dir)
    columns = _examples.columns_of(config, labelled=True)
    _tables.check_columns(columns, _tfds.columns(builder), f"data set {config.dataset}")
    records = _tfds.rows(builder, config.dataset, name, columns)
    names = _tfds.class_names(builder.info.features[config.label])
    return _examples.build(
        *(config, records, True, f"{config.dataset} {name}"),
        name_of=lambda value: _tfds.class_name(value, names),
    )


def read_file(config: Config, path: str | Path, labelled: bool = True) -> list[_examples.Example]:
    """Return the examples of any csv, tsv, jsonl or Parquet file with the features as columns."""
    return _examples.read_file(config, path, _records.form_of(str(path)), labelled)


class Source(base.Source):
    """What other packages ask of this file."""

    read = staticmethod(read)
    read_file = staticmethod(read_file)
