"""Write an embedded corpus from its grammar: `python -m tfapps.samples.build support_intents`."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from tfapps.errors import InputError
from tfapps.samples import _intents

HERE = Path(__file__).parent


def corpora() -> list[str]:
    """Names of the corpora that can be built: every folder with a grammar."""
    return sorted(path.parent.name for path in HERE.glob("*/grammar"))


def build(name: str) -> dict[str, bytes]:
    """File name -> content of a corpus.

    Raises:
        InputError: there is no corpus of this name.
    """
    if name not in corpora():
        raise InputError(f"unknown sample corpus {name!r}: expected one of {', '.join(corpora())}")
    splits = _intents.generate(HERE / name / "grammar")
    files: dict[str, bytes] = {}
    for split, rows in splits.items():
        lines = ["text\tlabel", *(f"{row.text}\t{row.label}" for row in rows)]
        files[f"{split}.tsv"] = ("\n".join(lines) + "\n").encode()
    return files


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the files into the package folder, or into `--out`."""
    parser = argparse.ArgumentParser(prog="python -m tfapps.samples.build", description=__doc__)
    parser.add_argument("name", help="corpus: " + ", ".join(corpora()))
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
        sys.stdout.write(f"{folder / file}: {rows} utterances\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
