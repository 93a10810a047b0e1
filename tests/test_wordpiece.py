"""WordPiece in Kotlin gives the ids and places of our tokenizer, on a table of texts."""

import shutil
import subprocess

import pytest
from running import ROOT

from tools import wordpiece

FOLDER = ROOT / "clients" / "kotlin"
TABLES = [f"{name}.tsv" for name in wordpiece.KINDS]


@pytest.fixture(scope="module")
def files():
    return wordpiece.files()


def test_the_tables_are_what_the_tokenizer_gives(files):
    for name, text in files.items():
        written = (wordpiece.FOLDER / name).read_text(encoding="utf-8")
        assert written == text, f"{name}: run `python -m tools.wordpiece`"
    assert {path.name for path in wordpiece.FOLDER.iterdir()} == set(files)


@pytest.mark.parametrize("name", TABLES)
def test_a_table_has_500_texts_of_many_scripts(files, name):
    lines = files[name].splitlines()
    assert len(lines) == 1 + wordpiece.TEXTS == 501
    pieces = [piece for line in lines[1:] for piece in line.split("\t")[1].split()]
    assert len({piece.split(":")[0] for piece in pieces}) > 500
    assert sum("\\ud8" in line for line in lines) > 5  # beyond 16 bits, where units are not letters


def test_a_place_is_of_utf16_units():
    assert [wordpiece.utf16("a😀é", place) for place in range(4)] == [0, 1, 3, 4]
    assert wordpiece.escaped("a😀\t\\é") == "a\\ud83d\\ude00\\u0009\\u005c\\u00e9"


@pytest.fixture(scope="module")
def checked(tmp_path_factory):
    """Compile the tokenizer; returns what runs it on a folder of tables."""
    lacking = [name for name in ("kotlinc", "java") if shutil.which(name) is None]
    if lacking:
        pytest.skip(f"no {' and no '.join(lacking)} on PATH, so no Kotlin is compiled here")
    program = tmp_path_factory.mktemp("kotlin") / "check.jar"
    sources = [FOLDER / "WordPiece.kt", FOLDER / "Check.kt"]
    command = ["kotlinc", *sources, "-include-runtime", "-d", program]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr

    def check(folder):
        command = ["java", "-cp", program, "CheckKt", folder]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    return check


@pytest.mark.slow
def test_kotlin_gives_the_ids_and_places_of_our_tokenizer(checked):
    assert checked(wordpiece.FOLDER).splitlines() == [f"{2 * wordpiece.TEXTS} rows, 0 wrong"]


@pytest.mark.slow
def test_a_wrong_row_is_reported(checked, tmp_path):
    folder = shutil.copytree(wordpiece.FOLDER, tmp_path / "data")
    table = folder / "stripped.tsv"
    table.write_text(table.read_text(encoding="utf-8").replace("-1 ", "-2 ", 1), encoding="utf-8")
    assert checked(folder).splitlines()[-1] == f"{2 * wordpiece.TEXTS} rows, 1 wrong"
