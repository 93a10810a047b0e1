"""What every file of a translator says of a whole test set: is it the same, and as good?

    python benchmarks/translations.py saved_models/NAME multi30k/test_2016_flickr

Translates with a beam of one and with that of the config, counts the sentences that are those of
the Keras model to the letter, and judges them by the sacrebleu command line. Adds to
`benchmarks/results/translations.json`. CPU seconds are of the whole set, one thread where the file
has a say in that.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from tfapps.bundle.bundle import Bundle
from tfapps.config import load as configs
from tfapps.stages.evaluate import opened

RESULTS = Path(__file__).parent / "results" / "translations.json"


def sacrebleu(hypotheses: list[str], references: list[str]) -> dict[str, Any]:
    """Return what the sacrebleu command line says of sentences."""
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder) / name for name in ("reference", "hypothesis")]
        for file, lines in zip(files, (references, hypotheses), strict=True):
            file.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        command = [sys.executable, "-m", "sacrebleu", files[0], "-i", files[1], "-w", "4"]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def judge(bundle: Bundle, data: str, beam: int) -> dict[str, Any]:
    """Return the figures of all artefacts with one beam, those of Keras first."""
    run = configs.load(bundle.config_path, [f"task.beam={beam}", "task.n_best=1"])
    scores, exact = {}, None
    for name in ("keras", *(name for name in bundle.artifacts() if name != "keras")):
        opened_run = opened(bundle, run, data, name)
        if opened_run.runner.likeliest and beam > 1:
            continue
        start = time.process_time()
        outputs = opened_run.runner(opened_run.features)
        seconds = time.process_time() - start
        answers = [
            answer["translation"] for answer in opened_run.task.decode(outputs, opened_run.examples)
        ]
        exact = answers if exact is None else exact
        score = sacrebleu(answers, [example["target"] for example in opened_run.examples])
        scores[name] = {
            "bleu": score["score"],
            "same_sentences": sum(a == b for a, b in zip(answers, exact, strict=True)),
            "cpu_seconds": round(seconds, 1),
        }
        print(f"beam {beam}", name, scores[name], flush=True)
    return {"rows": len(exact), "signature": score["signature"], "artifacts": scores}


def main(folder: str, data: str) -> None:
    bundle = Bundle.open(Path(folder))
    beam = configs.load(bundle.config_path).task.beam
    results = json.loads(RESULTS.read_text()) if RESULTS.is_file() else {}
    name = Path(folder).name
    results[name] = {
        "command": f"python benchmarks/translations.py saved_models/{name} {data}",
        **{f"beam_{width}": judge(bundle, data, width) for width in (1, beam)},
    }
    RESULTS.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
