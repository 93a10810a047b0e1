"""Answer texts with a .tflite file and MediaPipe: the program of docs/how_to/android.md.

python mediapipe_text.py FILE < texts > answers
"""

import importlib
import importlib.metadata
import json
import os
import sys
import unicodedata
import zipfile

FILE = sys.argv[1]
answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
os.dup2(2, 1)  # what libraries print is no answer
# MediaPipe is in an environment of its own, and no dependency of tfapps.
TextClassifier = importlib.import_module("mediapipe.tasks.python.text").TextClassifier


def plain(text, strip_accents=True):
    """Return a text as tfapps normalizes it, where MediaPipe would not."""
    kept = (c for c in text if c in "\t\n\r" or unicodedata.category(c) not in ("Cc", "Cf"))
    text = "".join(" " if unicodedata.category(c) == "Zs" else c for c in kept).lower()
    if not strip_accents:
        return unicodedata.normalize("NFC", text)
    parts = unicodedata.normalize("NFD", text)
    return "".join(c for c in parts if unicodedata.category(c) != "Mn")


def strips_accents():
    """Return whether the tokenizer of the file removes accents, by what the file carries."""
    with zipfile.ZipFile(FILE) as carried:
        normalizer = json.loads(carried.read("tokenizer.json"))["normalizer"]
    parts = normalizer.get("normalizers", [normalizer])
    return all(part.get("strip_accents") is not False for part in parts)


strip_accents = strips_accents()
classifier = TextClassifier.create_from_model_path(FILE)
version = importlib.metadata.version("mediapipe")
print(json.dumps({"runtime": f"MediaPipe {version}"}), file=answers)
for line in sys.stdin:
    text = plain(json.loads(line), strip_accents)
    best = classifier.classify(text).classifications[0].categories[0]
    print(json.dumps({"label": best.category_name, "score": best.score}), file=answers)
answers.close()
