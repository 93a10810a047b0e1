"""The contract of a backend: an artefact in its runtime, called by signature.

What the arrays mean is the business of a form (`tfapps.forms`), so that each runtime is written
once for all kinds of models.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

Arrays = Mapping[str, np.ndarray]
SERVE = "serving_default"  # the signature of a whole model
# Signatures of lengths below that of SERVE. The converter puts graphs in the order of their names,
# and what asks for none takes the first: it has to be SERVE.
SHORT = "short_"


class Tensor(NamedTuple):
    """An input or output as the artefact states it.

    Attributes:
        shape: (rows, ...), None for an axis that is open.
    """

    shape: tuple[int | None, ...]
    dtype: str


@dataclass(frozen=True)
class Signature:
    """The inputs and outputs of a graph by name."""

    inputs: Mapping[str, Tensor]
    outputs: Mapping[str, Tensor]

    @property
    def rows(self) -> int | None:
        """Return how many rows a call takes; None is any number."""
        return next(iter(self.inputs.values())).shape[0]


class Backend(ABC):
    """An open artefact; any number of threads may call it at a time.

    Attributes:
        name: what messages call the artefact.
        signatures: its graphs by name.
    """

    name: str
    signatures: Mapping[str, Signature]

    @abstractmethod
    def call(self, signature: str, arrays: Arrays) -> dict[str, np.ndarray]:
        """Run a signature; its outputs depend on `arrays` alone, not on earlier calls.

        Args:
            arrays: all inputs, in the shapes and dtypes that the signature states.

        Raises:
            Failure: an op refused the values.
        """

    def partitions(self) -> int | None:
        """Return how many pieces of the graph a delegate takes; None where there is no delegate."""
        return None
