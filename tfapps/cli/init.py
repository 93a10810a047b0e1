"""`tfapps init`."""

from __future__ import annotations

import argparse
import re
import shlex
from pathlib import Path

HELP = "look at a data file and write a commented config for it, or copy a shipped one"
DETAIL = "Guesses columns, task, model and lengths; asks nothing and overwrites nothing."
ARTIFACT = "litert_dynamic, in a file of at most --max-mb"
EXAMPLES = ("tfapps init tickets.csv", "tfapps init --from intents_bert_sample")
PAGE = "how_to/your_own_data.md"
MAX_MB = 10.0
RUN_NAME = re.compile(r"[A-Za-z0-9_-]{1,128}")


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    parser.add_argument(
        "data",
        metavar="DATA",
        nargs="?",
        help="a table with a header (.csv, .tsv), JSON lines, Parquet, or CoNLL columns",
    )
    parser.add_argument("--task", metavar="NAME", help="task to learn (default: as the data is)")
    parser.add_argument(
        "--text", metavar="COL", action="append", help="column of texts; several are joined"
    )
    parser.add_argument("--pair", metavar="COL", help="column of the second texts of pairs")
    parser.add_argument("--label", metavar="COL", help="column of what is learned")
    parser.add_argument(
        "--max-mb",
        metavar="MB",
        type=float,
        help=f"largest file that may be exported (default {MAX_MB:g})",
    )
    parser.add_argument("--out", metavar="FILE.yaml", help="the config (default <DATA>.yaml here)")
    parser.add_argument("--list", action="store_true", help="list the shipped configs")
    parser.add_argument(
        "--from", dest="shipped", metavar="NAME", help="copy this shipped config instead"
    )


def main(arguments: argparse.Namespace) -> None:
    """Write a config, or list what may be copied; TensorFlow is not needed."""
    from tfapps.errors import InputError

    ways = [arguments.data is not None, arguments.list, arguments.shipped is not None]
    if sum(ways) != 1:
        raise InputError(
            f"init: got {sum(ways) or 'none'} of DATA, --list and --from NAME, expected one of "
            "them, such as `tfapps init tickets.csv`"
        )
    looks = ("task", "text", "pair", "label", "max_mb")
    given = [name for name in looks if getattr(arguments, name) is not None]
    if given and arguments.data is None:
        raise InputError(f"init: --{given[0].replace('_', '-')} goes with DATA; leave it out")
    if arguments.list:
        _list()
    elif arguments.shipped is not None:
        _copy(arguments.shipped, arguments.out)
    else:
        _start(arguments)


def _list() -> None:
    from tfapps.config import shipped

    width = max(map(len, shipped.names()))
    for name in shipped.names():
        print(f"{name:<{width}}  {shipped.about(name)}")
    print("next: tfapps init --from NAME")


def _copy(name: str, out: str | None) -> None:
    from tfapps.config import shipped

    file = Path(out or shipped.path(name).name)
    _write(shipped.read(name), file)
    print(f"next: tfapps {shipped.command(name)} {shlex.quote(str(file))}")


def _start(arguments: argparse.Namespace) -> None:
    from tfapps.errors import InputError
    from tfapps.starting import choose, look, write

    max_mb = MAX_MB if arguments.max_mb is None else arguments.max_mb
    if not 0 < max_mb < float("inf"):
        raise InputError(f"--max-mb: got {max_mb:g}, expected a number of megabytes above 0")
    name = write.name_of(arguments.data)
    file = Path(arguments.out or f"{name}.yaml")
    seen = look.look(
        arguments.data, arguments.task, arguments.text or (), arguments.pair, arguments.label
    )
    choice = choose.choose(seen, max_mb)
    named = RUN_NAME.fullmatch(file.name.removesuffix(".yaml").removesuffix(".yml"))
    run = None if named else name
    text = write.config(choice, _command(arguments), str(file), run, arguments.max_mb)
    _write(text, file)
    print("\n".join(write.summary(choice, max_mb)))
    print(f"next: tfapps run {shlex.quote(str(file))}")


def _command(arguments: argparse.Namespace) -> str:
    """Return the command that was typed."""
    words = ["tfapps", "init", arguments.data]
    for option in ("task", "pair", "label", "max_mb", "out"):
        value = getattr(arguments, option)
        if value is not None:
            words += [
                f"--{option.replace('_', '-')}",
                f"{value:g}" if option == "max_mb" else value,
            ]
    words += [word for name in arguments.text or () for word in ("--text", name)]
    return shlex.join(words)


def _write(text: str, file: Path) -> None:
    """Write a config; a file of another content is kept.

    Raises:
        InputError: the file exists with another content, or cannot be written.
    """
    from tfapps.cli import _texts
    from tfapps.errors import InputError

    content = text.encode("utf-8")
    if file.exists() and (not file.is_file() or file.read_bytes() != content):
        raise InputError(
            f"{file} exists and holds something else; give another name with --out, or remove it"
        )
    _texts.write(content, file)
