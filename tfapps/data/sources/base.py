"""The contract of a source: every hook that other packages ask for.

A file of this folder holds a `Config` with `source`, `train`, `dev` and `test`, and a class
`Source`, a subclass of the one here. Other options of the section that other packages read are
those of `tfapps.config.sections.DataOptions`; a source may leave them out.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, ClassVar, NamedTuple


class Looked(NamedTuple):
    """What a file holds, read without a config.

    Attributes:
        columns: the values of all rows by name, None where a row has none.
        options: of the section `data:`, how the file is written.
        unnamed: number of columns that are left out, because no name stands for them alone.
        tagged: it holds words with tags, and nothing has to be said of its columns.
        rows: what a row is called.
    """

    columns: dict[str, list[Any]]
    options: dict[str, Any]
    unnamed: int = 0
    tagged: bool = False
    rows: str = "rows"


class Source(ABC):
    """Where rows come from; never instantiated.

    Attributes:
        endings: of names of files that are in the format of the source, without a dot.
    """

    endings: ClassVar[tuple[str, ...]] = ()

    @classmethod
    def look(cls, path: Path) -> Looked | None:
        """Return all columns of a file, for `tfapps init`; None if it has another format.

        Raises:
            InputError: the file is in this format, but damaged.
        """
        return None

    @staticmethod
    @abstractmethod
    def read(config: Any, split: str) -> Any:
        """Return the rows of a split as dictionaries, or running text as a `Corpus`.

        Args:
            split: `train`, `dev` or `test`.

        Raises:
            InputError: a file that is missing or not as the config says.
        """

    @staticmethod
    @abstractmethod
    def read_file(config: Any, path: str | Path, labelled: bool = True) -> Any:
        """Return the same of any file in the format of the source.

        Args:
            labelled: the rows must have labels.

        Raises:
            InputError: see `read`.
        """
