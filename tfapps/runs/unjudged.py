"""Report labels that a file cannot judge, because none of its rows has them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tfapps.printable import plain, shortened

SHOWN = 8


def log(task: Any, targets: Mapping[str, Any], examples: Any, where: str) -> None:
    """Print the labels without a row in one line; nothing if every label has one.

    Args:
        targets: what is true of the rows, as the task judges it.
        where: what the rows are called, `dev` say.
    """
    missing = task.labels_without_rows(targets, examples)
    if not missing:
        return
    print(
        f"{where}: no row of {len(missing)} label(s), which averages leave out unless the model "
        f"predicts them: {shortened(map(plain, missing), SHOWN)}"
    )
