"""Records of a Parquet file."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tfapps.data import file_kinds, files
from tfapps.data.sources._tables import Row, check_columns
from tfapps.data.sources._tfds import class_name
from tfapps.errors import InputError

_ROWS = 4096  # read at a time, so that a file that unpacks to too much is noticed early


def is_one(path: Path) -> bool:
    """Return whether a file begins as Parquet files do.

    Raises:
        InputError: it cannot be read.
    """
    try:
        with path.open("rb") as file:
            return file.read(len(file_kinds.PARQUET)) == file_kinds.PARQUET
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from error


def read(path: Path, columns: Sequence[str] | None) -> list[Row]:
    """Return the wanted columns of all records; class numbers become names if the file has them.

    Args:
        columns: their names; None is all.

    Raises:
        InputError: no Parquet file, a damaged or an empty one, or a column is missing.
    """
    import pyarrow
    import pyarrow.parquet

    rows: list[Row] = []
    limit, size = files.most_bytes(path), 0
    try:
        if not is_one(path):
            raise InputError(f"{path}: not a Parquet file; set data.source to csv, tsv or jsonl")
        with pyarrow.parquet.ParquetFile(path) as stored:
            schema = stored.schema_arrow
            columns = schema.names if columns is None else columns
            check_columns(columns, schema.names, str(path))
            names = _class_names(schema.metadata or {})
            for batch in stored.iter_batches(_ROWS, columns=list(columns)):
                size += batch.nbytes
                if size > limit:
                    files.refuse_bomb(path, limit)
                for record in batch.to_pylist():
                    fields = {
                        key: class_name(value, names.get(key)) for key, value in record.items()
                    }
                    rows.append(Row(f"{path} row {len(rows) + 1}", fields))
    except (pyarrow.ArrowException, OSError, UnicodeDecodeError) as error:
        problem = " ".join(str(error).split())[:200]
        raise InputError(f"{path}: cannot be read as Parquet ({problem}); copy it again") from error
    if not rows:
        raise InputError(f"{path}: no rows")
    return rows


def _class_names(metadata: dict[bytes, bytes]) -> dict[str, list[str]]:
    """Return class names by column, as the Hugging Face library `datasets` writes them."""
    try:
        features = json.loads(metadata.get(b"huggingface", b"{}"))["info"]["features"]
        innermost = {name: _innermost(feature) for name, feature in features.items()}
        return {
            name: [str(label) for label in feature["names"]]
            for name, feature in innermost.items()
            if feature.get("_type") == "ClassLabel"
        }
    except (ValueError, KeyError, TypeError, AttributeError):  # there are none, or not as expected
        return {}


def _innermost(feature: Any) -> dict[str, Any]:
    """Return the description of what a list holds, for lists."""
    while isinstance(feature, list) or "feature" in feature:
        feature = feature[0] if isinstance(feature, list) else feature["feature"]
    return feature
