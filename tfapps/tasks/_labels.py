"""The one wording for a label that training never saw."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from tfapps.errors import InputError
from tfapps.registry import nearest

SHOWN = 8


def check_seen(labels: Iterable[str], known: Sequence[str], what: str = "label") -> None:
    """Refuse labels that are not known.

    Raises:
        InputError: naming the first, how many there are, and the nearest that is known.
    """
    unseen = sorted(set(labels) - set(known))
    if not unseen:
        return
    near = nearest(unseen[0], known)
    hint = f"; did you mean {near!r}?" if near else ""
    raise InputError(
        f"{what} {unseen[0]!r} was never seen in training ({len(unseen)} such {what}(s)); expected "
        f"one of {', '.join(known[:SHOWN])}{', ...' * (len(known) > SHOWN)}{hint} Correct the "
        "file, or add such rows to the training data"
    )


def natural(label: str) -> tuple[int, float, str]:
    """What labels are sorted by: numbers as numbers, before names."""
    return (0, int(label), "") if label.isdecimal() else (1, 0.0, label)
