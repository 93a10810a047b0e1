"""The contract of a source: every hook that other packages ask for.

A file of this folder holds a `Config` with `source`, `train`, `dev` and `test`, and a class
`Source`, a subclass of the one here. Other options of the section that other packages read are
those of `tfapps.config.sections.DataOptions`; a source may leave them out.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any


class Source(ABC):
    """Where rows come from; never instantiated."""

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
