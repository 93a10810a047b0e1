"""Write word vectors for TensorBoard's projector."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tfapps.printable import plain

MOST = 10_000  # as many as a browser can display


def write(folder: Path, vectors: np.ndarray, names: Sequence[str]) -> None:
    """Write the first `MOST` of `vectors` (n, d), their names, and the projector's config."""
    count = min(len(vectors), MOST)
    rows = ("\t".join(f"{value:.4g}" for value in row) for row in vectors[:count])
    (folder / "vectors.tsv").write_text("".join(f"{row}\n" for row in rows), encoding="utf-8")
    lines = "".join(f"{plain(name)}\n" for name in names[:count])
    (folder / "names.tsv").write_text(lines, encoding="utf-8")
    tensor = (
        f'tensor_name: "embeddings"\n  tensor_shape: {count}\n  tensor_shape: {vectors.shape[1]}'
    )
    files = 'tensor_path: "vectors.tsv"\n  metadata_path: "names.tsv"'
    config = f"embeddings {{\n  {tensor}\n  {files}\n}}\n"
    (folder / "projector_config.pbtxt").write_text(config, encoding="utf-8")
