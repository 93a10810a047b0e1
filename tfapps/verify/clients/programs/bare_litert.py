"""Answer texts with a .tflite file and LiteRT alone: the program of docs/how_to/bare_litert.md.

python bare_litert.py FILE < texts > answers
"""

import importlib.metadata
import json
import os
import sys
import zipfile

import numpy as np
from ai_edge_litert.compiled_model import CompiledModel
from ai_edge_litert.interpreter import Interpreter
from tokenizers import Tokenizer

FILE = sys.argv[1]
answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
os.dup2(2, 1)  # what libraries print is no answer

carried = zipfile.ZipFile(FILE)
about, settings = (json.loads(carried.read(name)) for name in ("tfapps.json", "tokenizer.json"))
if "vocab.txt" in carried.namelist():
    pieces = carried.read("vocab.txt").decode().split("\n")
    settings["model"]["vocab"] = {piece: number for number, piece in enumerate(pieces)}
tokenizer = Tokenizer.from_str(json.dumps(settings))

compiled = about.get("api") == "CompiledModel"  # files of earlier versions do not say
model = CompiledModel.from_file(FILE) if compiled else Interpreter(FILE)


def runner(signature):
    """Return a function of the signature's inputs that returns its outputs, all by name."""
    if isinstance(model, Interpreter):
        run = model.get_signature_runner(signature)
        return lambda **arrays: run(**{name: arrays[name] for name in run.get_input_details()})
    read, given = (
        model.get_input_tensor_details(signature),
        model.get_output_tensor_details(signature),
    )
    inputs = {name: model.create_input_buffer_by_name(signature, name) for name in read}
    outputs = {name: model.create_output_buffer_by_name(signature, name) for name in given}

    def run(**arrays):
        for name, buffer in inputs.items():
            buffer.write(arrays[name])
        model.run_by_name(signature, inputs, outputs)
        flat = {n: outputs[n].read(int(np.prod(t["shape"])), t["dtype"]) for n, t in given.items()}
        return {name: flat[name].reshape(tensor["shape"]) for name, tensor in given.items()}

    return run


run = runner(about["signature"])


def answer(texts):
    """Return the answer to a text, or to the two texts of a pair."""
    encoding = tokenizer.encode(*texts)
    inputs = {
        i["name"]: np.array([getattr(encoding, i["from"])], i["dtype"]) for i in about["inputs"]
    }
    outputs = run(**inputs)
    logits, unit = outputs["logits"][0], about["outputs"]["logits"]
    if unit["activation"] == "linear":
        return {"number": float(logits[0] * unit["deviation"] + unit["mean"])}
    if unit["activation"] == "sigmoid":
        shares = 1 / (1 + np.exp(-logits))
        chosen = [number for number in range(len(shares)) if shares[number] >= about["threshold"]]
        return {"labels": sorted(unit["labels"][number] for number in chosen)}
    shares = np.exp(logits - logits.max()) / np.exp(logits - logits.max()).sum()
    return {"label": unit["labels"][shares.argmax()], "score": float(shares.max())}


version = importlib.metadata.version("ai-edge-litert")
print(json.dumps({"runtime": f"ai-edge-litert {version}"}), file=answers)
for line in sys.stdin:
    question = json.loads(line)
    reply = answer([question] if isinstance(question, str) else question)
    print(json.dumps(reply), file=answers)
answers.close()
