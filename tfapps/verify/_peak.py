"""Child process of `benchmark.peak_memory`: run an artefact, print the peak resident bytes.

python -m tfapps.verify._peak ARTEFACT ROWS LENGTH
"""

from __future__ import annotations

import resource
import sys
from pathlib import Path

import numpy as np

from tfapps.backends.base import SERVE
from tfapps.backends.opening import open_file


def peak() -> int:
    """Return the peak resident bytes of this process.

    Linux hands `ru_maxrss` on to a new program, so a large parent would be measured too;
    VmHWM starts anew.
    """
    status = Path("/proc/self/status")
    if status.exists():
        line = next(s for s in status.read_text().splitlines() if s.startswith("VmHWM:"))
        return int(line.split()[1]) * 1024
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def main(path: str, rows: str, length: str) -> None:
    """Run `rows` rows of ones through the artefact."""
    backend = open_file(Path(path))
    stated = backend.signatures[SERVE]
    size = stated.rows or int(rows)
    ones = {
        name: np.ones((size, tensor.shape[1] or int(length), *tensor.shape[2:]), tensor.dtype)
        for name, tensor in stated.inputs.items()
    }
    for _ in range(0, int(rows), size):
        backend.call(SERVE, ones)
    print(peak())


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except Exception as error:
        sys.exit(str(error))
