"""Write an embedded corpus from its grammar: `python -m tfapps.samples.build support_intents`."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from tfapps import registry
from tfapps.errors import InputError
from tfapps.samples import _intents, _pairs

HERE = Path(__file__).parent
GENERATORS = {"sentence_pairs": _pairs, "support_intents": _intents}


def build(name: str) -> dict[str, bytes]:
    """File name -> content of a corpus.

    Raises:
        InputError: there is no corpus of this name.
    """
    if name not in GENERATORS:
        raise InputError(registry.unknown("sample corpus", name, GENERATORS))
    generator = GENERATORS[name]
    files: dict[str, bytes] = {}
    for split, rows in generator.generate(HERE / name / "grammar").items():
        cells = ([getattr(row, column) for column in generator.COLUMNS] for row in rows)
        lines = ["\t".join(line) for line in (generator.COLUMNS, *cells)]
        files[f"{split}.tsv"] = ("\n".join(lines) + "\n").encode()
    return files


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the files into the package folder, or into `--out`."""
    parser = argparse.ArgumentParser(prog="python -m tfapps.samples.build", description=__doc__)
    parser.add_argument("name", help="corpus: " + ", ".join(GENERATORS))
    parser.add_argument("--out", type=Path, help="folder to write to (default: the package's own)")
    options = parser.parse_args(arguments)
    try:
        files = build(options.name)
        folder = options.out or HERE / options.name
        folder.mkdir(parents=True, exist_ok=True)
        for file, content in files.items():
            (folder / file).write_bytes(content)
    except (InputError, OSError) as problem:
        sys.stderr.write(f"error: {problem}\n")
        return 2
    for file, content in files.items():
        rows = content.count(b"\n") - 1
        sys.stdout.write(f"{folder / file}: {rows} rows\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
