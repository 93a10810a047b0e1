"""Rows to tab-separated lines below the names of their columns."""

from collections.abc import Iterable, Sequence

ENDING = ".tsv"


def render(columns: Sequence[str], rows: Iterable[object]) -> str:
    """Return the text of a file; the columns are attributes of the rows."""
    cells = ([getattr(row, column) for column in columns] for row in rows)
    return "".join("\t".join(line) + "\n" for line in (columns, *cells))
