"""Write an embedded corpus from its grammar: `python -m tfapps.samples.build support_intents`."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from tfapps import registry
from tfapps.errors import InputError
from tfapps.samples import _documents, _entities, _intents, _pairs

HERE = Path(__file__).parent


class Generator(Protocol):
    """What a module of a corpus has.

    Attributes:
        ENDING: of its files.
        ROWS: what a row of it is, in the plural.
    """

    ENDING: str
    ROWS: str

    def generate(self, folder: Path) -> dict[str, list[Any]]:
        """Rows by split, from a folder of grammar."""

    def render(self, rows: Sequence[Any]) -> str:
        """The text of a file with these rows."""


GENERATORS: dict[str, Generator] = {
    "entities": _entities,
    "sentence_pairs": _pairs,
    "short_documents": _documents,
    "support_intents": _intents,
}


class File(NamedTuple):
    """One file of a corpus, and what it holds in words."""

    content: bytes
    holds: str


def build(name: str) -> dict[str, bytes]:
    """File name -> content of a corpus.

    Raises:
        InputError: there is no corpus of this name.
    """
    return {file: content for file, (content, _) in _files(name).items()}


def _files(name: str) -> dict[str, File]:
    if name not in GENERATORS:
        raise InputError(registry.unknown("sample corpus", name, GENERATORS))
    generator = GENERATORS[name]
    splits = generator.generate(HERE / name / "grammar")
    return {
        f"{split}{generator.ENDING}": File(
            generator.render(rows).encode(), f"{len(rows)} {generator.ROWS}"
        )
        for split, rows in splits.items()
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the files into the package folder, or into `--out`."""
    parser = argparse.ArgumentParser(prog="python -m tfapps.samples.build", description=__doc__)
    parser.add_argument("name", help="corpus: " + ", ".join(GENERATORS))
    parser.add_argument("--out", type=Path, help="folder to write to (default: the package's own)")
    options = parser.parse_args(arguments)
    try:
        files = _files(options.name)
        folder = options.out or HERE / options.name
        folder.mkdir(parents=True, exist_ok=True)
        for file, (content, _) in files.items():
            (folder / file).write_bytes(content)
    except (InputError, OSError) as problem:
        sys.stderr.write(f"error: {problem}\n")
        return 2
    for file, (_, holds) in files.items():
        sys.stdout.write(f"{folder / file}: {holds}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
