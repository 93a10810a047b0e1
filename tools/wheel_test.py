"""Try the wheel as a user does: in fresh environments, outside the checkout.

    python -m tools.wheel_test

Builds the sdist, and the wheel from the sdist. One environment gets the wheel with the extra
`train`, trains and exports a small model and executes the notebook. Another gets the wheel alone,
and answers from the LiteRT file that the first one made. Fails if the second is 200 MB or more.
"""

from __future__ import annotations

import csv
import os
import random
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
import venv
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOK = ROOT / "docs" / "tutorials" / "python_api.ipynb"
QUESTION = "Hallo wo ist mein Paket, Bestellung 12"
MOST_BYTES = 200_000_000  # of the packages that serving needs, compiled modules included
INSTALLER = {"pip", "setuptools", "pkg_resources", "_distutils_hack", "wheel"}
ROWS = 240
CONFIG, SAMPLE = "intents_bert_sample", "tfapps/samples/support_intents"
TEXTS = {
    "Lieferung": ("wo ist mein Paket", "das Paket ist verspätet", "Lieferung verfolgen"),
    "Erstattung": ("ich möchte mein Geld zurück", "wann kommt die Erstattung"),
    "Konto": ("ich habe mein Passwort vergessen", "meine Adresse ändern", "Konto schließen"),
}


def main() -> None:
    """Build, install and try; the first command that fails ends it."""
    start = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="wheel_test_") as temporary:
        folder = Path(temporary)
        wheel = build(folder / "dist")
        trainer = environment(folder / "train", f"{wheel}[train]")
        trained = train(trainer, folder / "work")
        run(trainer / "python", ROOT / "tools" / "notebook.py", NOTEBOOK, "--check", cwd=folder)
        server = environment(folder / "serve", str(wheel))
        check_size(folder / "serve")
        serve(server, trained, folder / "elsewhere")
    print(f"wheel test passed in {time.monotonic() - start:.0f} s")


def build(folder: Path) -> Path:
    """Build sdist and wheel into a folder; return the wheel."""
    run(sys.executable, "-m", "build", "--outdir", folder, ROOT, cwd=ROOT)
    (wheel,) = folder.glob("*.whl")
    (sdist,) = folder.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        packed = {name.partition("/")[2] for name in archive.getnames()}
    tracked = run("git", "ls-files", "tests", "tools", "configs", "docs", cwd=ROOT).split()
    if missing := sorted(set(tracked) - packed):
        raise SystemExit(f"{sdist.name} lacks {', '.join(missing[:5])}: see MANIFEST.in")
    inside = zipfile.ZipFile(wheel).namelist()
    expected = (f"tfapps/configs/{CONFIG}.yaml", f"{SAMPLE}/train.tsv", "licenses/LICENSE")
    missing = [name for name in expected if not any(file.endswith(name) for file in inside)]
    if missing or any(file.startswith(("tests/", "tools/")) for file in inside):
        raise SystemExit(f"{wheel.name}: missing {missing}, or holds tests")
    return wheel


def environment(folder: Path, requirement: str) -> Path:
    """Make an environment with one requirement; return its folder of programs."""
    venv.create(folder, with_pip=True)
    programs = folder / "bin"
    run(
        *(programs / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check"),
        *("--constraint", ROOT / "constraints.txt", requirement),
        cwd=folder,
    )
    return programs


def train(programs: Path, folder: Path) -> Path:
    """Train and export a small model on a CSV; return the folder of its run."""
    folder.mkdir()
    write_csv(folder / "support.csv")
    run(programs / "tfapps", "init", "support.csv", cwd=folder)
    output = run(programs / "tfapps", "run", "support.yaml", cwd=folder)
    if "litert_dynamic" not in output:
        raise SystemExit(f"tfapps run printed no row of litert_dynamic:\n{output}")
    return folder / "saved_models" / "support"


def serve(programs: Path, trained: Path, folder: Path) -> None:
    """Answer from a copy of the run, in an environment without TensorFlow."""
    shutil.copytree(trained, folder / "support")
    run(
        programs / "python",
        "-c",
        "import tfapps, sys; assert 'numpy' not in sys.modules",
        cwd=folder,
    )
    for command in (["--version"], ["--help"], ["list"], ["init", "--from", CONFIG]):
        run(programs / "tfapps", *command, cwd=folder)
    answer = run(programs / "tfapps", "predict", "./support", QUESTION, cwd=folder)
    if '"label": "Lieferung"' not in answer:
        raise SystemExit(f"tfapps predict: expected the label Lieferung, got {answer}")
    run(programs / "tfapps", "compare", "./support", cwd=folder)
    shutil.copy(trained.parent.parent / "support.csv", folder)
    run(programs / "tfapps", "benchmark", "./support", "--rows", "20", cwd=folder)
    refused = run(
        *(programs / "tfapps", "predict", "./support", "--artifact", "keras", "Paket"),
        cwd=folder,
        code=2,
    )
    if 'pip install "tfapps[train]"' not in refused:
        raise SystemExit(f"a missing extra must be named, got {refused}")


def check_size(environment: Path) -> None:
    """Fail if what serving needs is too large."""
    (packages,) = environment.glob("lib/python*/site-packages")
    sizes = {
        entry.name: sum(file.stat().st_size for file in entry.rglob("*") if file.is_file())
        for entry in packages.iterdir()
        if entry.name.partition("-")[0] not in INSTALLER
    }
    total = sum(sizes.values())
    largest = sorted(sizes, key=lambda name: -sizes[name])[:5]
    shown = ", ".join(f"{name} {sizes[name] / 1e6:.0f}" for name in largest)
    print(f"serving needs {total / 1e6:.1f} MB: {shown}, ...", flush=True)
    if total >= MOST_BYTES:
        raise SystemExit(f"{total / 1e6:.1f} MB, expected less than {MOST_BYTES / 1e6:.0f}")


def write_csv(file: Path) -> None:
    """Write a table as Excel in Europe does: semicolons, CP1252, a first column without a name."""
    random_ = random.Random(1)
    with file.open("w", newline="", encoding="cp1252") as stream:
        writer = csv.writer(stream, delimiter=";")
        writer.writerow(["", "Text", "Thema"])
        for number in range(ROWS):
            label = random_.choice(sorted(TEXTS))
            start = random_.choice(["Hallo", "Guten Tag", "Hilfe", "bitte", "heute"])
            order = f"Bestellung {random_.randrange(1000)}"
            writer.writerow([number, f"{start} {random_.choice(TEXTS[label])}, {order}", label])


def run(*command: object, cwd: Path, code: int = 0) -> str:
    """Run a program outside the checkout, without its modules; return what it printed.

    Raises:
        SystemExit: another exit code than expected; what it printed is shown.
    """
    words = [str(word) for word in command]
    print("$", *words, flush=True)
    inherited = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    done = subprocess.run(
        words,
        cwd=cwd,
        env=inherited,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode != code:
        raise SystemExit(f"exit code {done.returncode}, expected {code}:\n{done.stdout}")
    return done.stdout


if __name__ == "__main__":
    main()
