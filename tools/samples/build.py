"""Write the sample data of tfapps from its grammars: `python -m tools.samples.build`."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from tfapps import registry
from tfapps.errors import InputError
from tools.samples import documents, entities, intents, pairs

SAMPLES = Path(__file__).parents[2] / "tfapps" / "samples"


class Generator(Protocol):
    """What the module of a sample has.

    Attributes:
        ENDING: of its files.
        ROWS: what a row of it is, in the plural.
    """

    ENDING: str
    ROWS: str

    def generate(self, folder: Path) -> dict[str, list[Any]]:
        """Return rows by split, from a folder of grammar."""

    def render(self, rows: Sequence[Any]) -> str:
        """Return the text of a file with these rows."""


GENERATORS: dict[str, Generator] = {
    "entities": entities,
    "sentence_pairs": pairs,
    "short_documents": documents,
    "support_intents": intents,
}


class File(NamedTuple):
    """One file of a sample: its bytes, and a count of its rows in words."""

    content: bytes
    rows: str


def files(name: str) -> dict[str, File]:
    """Generate the files of a sample, by their names.

    Raises:
        InputError: there is no sample of this name.
    """
    if name not in GENERATORS:
        raise InputError(registry.unknown("sample", name, GENERATORS))
    generator = GENERATORS[name]
    splits = generator.generate(SAMPLES / name / "grammar")
    return {
        f"{split}{generator.ENDING}": File(
            generator.render(rows).encode(), f"{len(rows)} {generator.ROWS}"
        )
        for split, rows in splits.items()
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the files of the samples into the package, or into folders below `--out`.

    Returns:
        0 done, 2 bad input.
    """
    parser = argparse.ArgumentParser(prog="python -m tools.samples.build", description=__doc__)
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help="default: all of " + ", ".join(GENERATORS)
    )
    parser.add_argument("--out", type=Path, default=SAMPLES, help="default: tfapps/samples")
    options = parser.parse_args(arguments)
    try:
        for name in options.names or GENERATORS:
            _write(files(name), options.out / name)
    except (InputError, OSError) as problem:
        sys.stderr.write(f"error: {problem}\n")
        return 2
    return 0


def _write(generated: dict[str, File], folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, file in generated.items():
        (folder / name).write_bytes(file.content)
        sys.stdout.write(f"{folder / name}: {file.rows}\n")


if __name__ == "__main__":
    sys.exit(main())
