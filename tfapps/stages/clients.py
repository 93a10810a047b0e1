"""Answer the dev set of a run in other runtimes, and compare it with the bundle's own answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tfapps import registry
from tfapps.bundle import bundle as bundles
from tfapps.bundle.artefacts import full_name
from tfapps.bundle.bundle import PROOF, Bundle, write_json
from tfapps.config.sections import RunConfig
from tfapps.data.corpora import Corpus
from tfapps.errors import Failure, InputError
from tfapps.printable import plain
from tfapps.runs.card import CLIENTS, card, client_line
from tfapps.runs.prepared import load_rows
from tfapps.serve.predictor import Predictor
from tfapps.text.questions import texts_of
from tfapps.verify import asking
from tfapps.verify.clients.base import python_of

ALL = "all"
SCORES = 0.01  # that scores of the same file may be apart
SHOWN = 3  # rows in a message


def verify_in_client(
    config: RunConfig,
    bundle: Bundle,
    name: str,
    artifact: str | None = None,
    python: str | None = None,
) -> None:
    """Answer the whole dev set in another runtime, and write what differs to verify.json and card.

    Args:
        name: of the client, or `all` for every one that can run here.
        artifact: the only one to answer with; None for all exported ones that the client takes.
        python: the Python of the client, see `python_of`.

    Raises:
        InputError: no such client, one that cannot run here or takes none of the files, or a task
            whose rows are no texts.
        Failure: an answer differs from that of the bundle.
    """
    exported = [one for one in bundle.artifacts() if one != "keras"]
    chosen = exported if artifact is None else [full_name(artifact, exported, bundle.path)]
    if not chosen:
        raise InputError(f"{bundle.path} has no exported file; run tfapps export first")
    files = [asking.file_of(one, bundle.artifact(one)) for one in chosen]
    names = registry.names("client") if name == ALL else [name]
    work = {one: _takes(one, files, python_of(one, python), name == ALL) for one in names}
    if not any(work.values()):
        print("no client can run here")
        return
    texts = _texts(config)
    problems: list[str] = []
    results: dict[str, dict[str, Any]] = {}
    for file in files:
        clients = [one for one in names if file in work[one]]
        if not clients:
            continue
        expected = Predictor.open(bundle.path, file.artifact)(texts)
        for one in clients:
            print(f"answering {len(texts)} dev rows in {one} with {file.artifact}", flush=True)
            client, runner = registry.plugin("client", one), python_of(one, python)
            runtime, answers = asking.ask(client, file, texts, runner)
            compared = asking.compare(expected, answers)
            results.setdefault(file.artifact, {})[one] = entry = _entry(runtime, compared)
            print(f"{file.artifact}: {client_line(entry)}")
            problems += _problems(one, file.artifact, entry, compared, texts, expected, answers)
    _write(config, bundle, results)
    if problems:
        raise Failure("\n".join(problems))


def _takes(name: str, files: Sequence[Any], python: str, may_be_absent: bool) -> list[Any]:
    """Return the files that a client takes; print why it does not take the others.

    Args:
        may_be_absent: whether a client that has nothing to do is skipped.
    """
    client = registry.plugin("client", name)
    missing = client.missing(python)
    if missing is not None:
        reason = (
            f"client {name} cannot run here: {missing}; `{client.install}`, then give "
            f"--python PATH or set TFAPPS_{name.upper()}_PYTHON"
        )
        if not may_be_absent:
            raise InputError(reason)
        print(f"skipped: {reason}", flush=True)
        return []
    reasons = {file.artifact: client.refusal(file) for file in files}
    lines = [f"{one}: {plain(reason)}" for one, reason in reasons.items() if reason is not None]
    taken = [file for file in files if reasons[file.artifact] is None]
    if not taken and not may_be_absent:
        raise InputError(f"client {name} takes no file of this run: {'; '.join(lines)}")
    for line in lines:
        print(f"skipped in {name}: {line}", flush=True)
    return taken


def _texts(config: RunConfig) -> list[Any]:
    """Return the texts of the dev set."""
    rows = load_rows(config)["dev"]
    if isinstance(rows, Corpus) or not {"text"} <= rows[0].keys():
        raise InputError(
            f"the dev rows of {config.task.name} are no single texts or pairs, which is what "
            "clients answer"
        )
    return texts_of(rows)


def _entry(runtime: str, compared: asking.Comparison) -> dict[str, Any]:
    """Return what verify.json holds of a client."""
    return {
        "runtime": runtime,
        "rows": compared.rows,
        "same": compared.rows - len(compared.different) - compared.ties,
        "ties": compared.ties,
        "decides": compared.decides,
        "max_difference": compared.difference,
    }


def _problems(
    name: str,
    artifact: str,
    entry: Mapping[str, Any],
    compared: asking.Comparison,
    texts: Sequence[Any],
    expected: Sequence[Mapping[str, Any]],
    answers: Sequence[Mapping[str, Any]],
) -> list[str]:
    """Return a line for a client whose answers differ, with the first rows that do."""
    problems, difference = [], compared.difference
    if compared.different:
        rows = [
            f"row {row + 1} {str(texts[row])[:40]!r}: {name} {answers[row]}, bundle "
            f"{ {key: expected[row].get(key) for key in answers[row]} }"
            for row in compared.different[:SHOWN]
        ]
        problems.append(
            f"{artifact}: {entry['runtime']} gives another {entry['decides']} for "
            f"{len(compared.different)} of {compared.rows} dev rows: {'; '.join(rows)}"
        )
    # Written as `not (a <= b)` so that NaN is a problem.
    if difference is not None and not difference <= SCORES:
        problems.append(
            f"{artifact}: scores of {entry['runtime']} are up to {difference:.3g} away from those "
            f"of the bundle, allowed {SCORES:g}"
        )
    return problems


def _write(config: RunConfig, bundle: Bundle, results: Mapping[str, Mapping[str, Any]]) -> None:
    """Add the results to verify.json and the model card."""
    metrics, proof = bundle.metrics, bundle.proof
    for artifact, clients in results.items():
        part = proof.setdefault(artifact, {})
        part[CLIENTS] = {**part.get(CLIENTS, {}), **clients}
    with bundles.writing(bundle.path, base=bundle) as draft:
        write_json(draft.path / PROOF, proof)
        (draft.path / "README.md").write_text(card(config, metrics, proof), encoding="utf-8")
