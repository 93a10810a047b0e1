"""The example of the README, run for real: `python -m tools.first_hour`.

In an empty folder it writes `support.csv` as Excel saves it in Europe (semicolons, CP1252, dates of
the day first, a first column without a name), from the embedded sample. Then it runs the three
commands of a new user, and writes what they print between the marks in the README and the tutorial.
"""

from __future__ import annotations

import argparse
import csv
import os
import platform
import subprocess
import sys
import tempfile
import time
from datetime import date, timedelta
from importlib import resources
from pathlib import Path

from tools import blocks

ROOT = Path(__file__).parent.parent
TOOL = "tools.first_hour"
COMMANDS = (
    ("init", "support.csv"),
    ("run", "support.yaml"),
    ("predict", "support", "My parcel was meant to come on Tuesday, where is it?"),
)
LONGEST = 160  # columns of a printed line; the rest is cut


def write_csv(path: Path) -> int:
    """Write the sample as a table of tickets; return how many."""
    folder = resources.files("tfapps") / "samples" / "support_intents"
    rows = []
    for split in ("train", "dev", "test"):
        lines = (folder / f"{split}.tsv").read_text(encoding="utf-8").splitlines()[1:]
        rows += [line.split("\t") for line in lines]
    with path.open("w", encoding="cp1252", newline="") as file:
        writer = csv.writer(file, delimiter=";")
        writer.writerow(("", "received", "message", "topic"))
        for number, (text, label) in enumerate(rows, 1):
            day = date(2026, 1, 1) + timedelta(minutes=97 * number)
            message = text.replace("'", "\u2019") if number % 3 == 0 else text
            writer.writerow((number, f"{day:%d.%m.%Y}", message, label))
    return len(rows)


def transcript(folder: Path) -> tuple[str, float]:
    """Run the commands in a folder; return what a reader sees, and the minutes that it took.

    Raises:
        subprocess.CalledProcessError: a command failed.
    """
    write_csv(folder / "support.csv")
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    environment.pop("TFAPPS_DATA", None)
    lines, begin = [], time.monotonic()
    for words in COMMANDS:
        shown = [f'"{word}"' if " " in word else word for word in words]
        lines.append(f"$ tfapps {' '.join(shown)}")
        command = [sys.executable, "-m", "tfapps", *words]
        ended = subprocess.run(
            command,
            cwd=folder,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        print(ended.stdout, flush=True)
        ended.check_returncode()
        lines += [cut(line) for line in ended.stdout.splitlines()]
    return "\n".join(lines), (time.monotonic() - begin) / 60


def cut(line: str) -> str:
    """Return a printed line as far as a page shows it."""
    return line if len(line) <= LONGEST else f"{line[: LONGEST - 4].rstrip()} ..."


def main() -> None:
    """Run the example and write it into the pages."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--csv", metavar="FILE", type=Path, help="only write the table")
    arguments = parser.parse_args()
    if arguments.csv:
        print(f"{arguments.csv}: {write_csv(arguments.csv)} rows")
        return
    with tempfile.TemporaryDirectory() as folder:
        text, minutes = transcript(Path(folder))
    took = f"All three took {minutes:.1f} minutes on {os.cpu_count()} cores ({platform.machine()})."
    blocks.write(TOOL, lambda _: f"```\n{text}\n```\n\n{took}\n")


if __name__ == "__main__":
    main()
