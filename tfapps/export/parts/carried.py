"""TFLite files that describe themselves: whoever has the file needs no other to run it.

A zip archive at its end (`unzip -l FILE`) holds `tfapps.json`, which says what goes in and what
comes out, the tokenizer and the labels. The text client of MediaPipe opens files of BERT
classifiers as they are; files for it keep the vocabulary where it looks.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tfapps.backends.base import SERVE
from tfapps.export.parts import metadata, scores
from tfapps.export.parts.metadata import VOCABULARY_FILE
from tfapps.features.padding import LOGITS
from tfapps.forms.parts.probable import output_name

ABOUT, TOKENIZER, LABELS = "tfapps.json", "tokenizer.json", "labels.txt"
# Inputs of the signature in the order that MediaPipe uses, with the names it looks for.
INPUTS = {"token_ids": "ids", "padding_mask": "mask", "segment_ids": "segment_ids"}
SCORES = "scores"  # its first output
MEDIAPIPE = {**INPUTS, output_name(LOGITS): SCORES}
MAIN = (SERVE, "translate", "encode")  # of these the first that a file has is where one begins
PAGE = "Run a file with bare LiteRT"  # in the documentation of tfapps


@dataclass(frozen=True)
class Run:
    """What the files of a run have in common.

    Attributes:
        about: what `tfapps.json` says, without the inputs of a file.
        inputs: what it says of each input that a file may have.
        tokenizer: (length, whether with the vocabulary) -> `tokenizer.json`.
        files: further ones to carry, by name.
        pieces: the vocabulary in the order of ids.
        unfit: why MediaPipe would read the texts of this run wrong; None if it would not.
        probabilities: {output: activation} of those that are added.
    """

    about: Mapping[str, Any]
    inputs: Mapping[str, Mapping[str, Any]]
    tokenizer: Callable[[int, bool], bytes]
    files: Mapping[str, bytes]
    pieces: Sequence[str]
    unfit: str | None
    probabilities: Mapping[str, str]


def describe(path: Path, run: Run) -> str | None:
    """Give a file everything that it takes to run it, and outputs of probabilities.

    Names and values of the outputs that it has stay. A classifier that MediaPipe can read gets
    `scores`, the softmax of its logits, as the first of its outputs. If probabilities are added,
    the signature calls it so.

    Args:
        path: the .tflite file, overwritten.

    Returns:
        Why MediaPipe does not open it; None if it does.
    """
    from tfapps.export.parts import flatbuffer

    path = Path(path)
    model = flatbuffer.read(path.read_bytes())
    outputs = dict(run.about["outputs"])
    unfit = run.unfit or _unfit(model, outputs)
    label_files = _label_files(outputs)
    if unfit is None:
        # One name a tensor: `CompiledModel` opens no file whose signature has two for one.
        first = output_name(LOGITS) if LOGITS in run.probabilities else SCORES
        _serve_mediapipe(model, first)
        outputs[first] = {"of": LOGITS}
    scores.add_probabilities(model, run.probabilities)
    outputs |= {output_name(name): {"of": name} for name in run.probabilities}
    about = {**run.about, **_stated(model, run.inputs), "outputs": outputs, "mediapipe": unfit}
    files = _files(run, about, label_files)
    content = metadata.metadata(
        "TextClassifier" if unfit is None else f"tfapps {about['task']}",
        _description(about["task"], unfit),
        _graphs(model, label_files, outputs, MEDIAPIPE if unfit is None else {}),
        [name for name in files if name not in (VOCABULARY_FILE, *label_files.values())],
        bert_tokenizer=unfit is None,
    )
    metadata.attach(model, content)
    # MediaPipe refuses archives in which a file is compressed.
    packed = [name for name in files if name.endswith(".json")] if unfit else []
    path.write_bytes(metadata.with_files(flatbuffer.write(model), files, packed))
    return unfit


def _unfit(model: Any, outputs: Mapping[str, Mapping[str, Any]]) -> str | None:
    """Return why MediaPipe does not open a file of this form; None if it does."""
    from ai_edge_litert import schema_py_generated as schema

    if len(model.subgraphs) != 1 or len(model.signatureDefs or []) != 1:
        return f"it has {len(model.subgraphs)} graphs, and MediaPipe reads one"
    signature, tensors = model.signatureDefs[0], model.subgraphs[0].tensors
    inputs, own = _indices(signature.inputs), _indices(signature.outputs)
    if set(inputs) != set(INPUTS):
        return f"it reads {', '.join(inputs)}, and MediaPipe gives {', '.join(INPUTS)}"
    if set(own) != {LOGITS}:
        return f"it gives {', '.join(own)}, and MediaPipe takes one row of scores"
    logits, labels = tensors[own[LOGITS]], outputs[LOGITS]["labels"]
    if LOGITS not in _label_files(outputs):
        return "a label is empty or has a line break, and MediaPipe reads one label a line"
    if logits.type != schema.TensorType.FLOAT32 or list(logits.shape) != [1, len(labels)]:
        return "its output is no row of one number for each label"
    return None


def _serve_mediapipe(model: Any, name: str) -> None:
    """Put a softmax behind the logits, and list inputs and outputs in MediaPipe's order.

    Args:
        name: of the softmax in the signature.
    """
    graph, signature = model.subgraphs[0], model.signatureDefs[0]
    inputs, logits = _indices(signature.inputs), _indices(signature.outputs)[LOGITS]
    tensor = scores.add(model, signature, logits, "softmax", name)
    graph.inputs = [inputs[key] for key in INPUTS]
    graph.outputs = [tensor, logits]


def _stated(model: Any, known: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Return the names of the signatures, the one to begin with, its inputs, and what runs them."""
    from ai_edge_litert import schema_py_generated as schema

    dtypes = {schema.TensorType.INT32: "int32", schema.TensorType.FLOAT32: "float32"}
    signatures = {entry.signatureKey.decode(): entry for entry in model.signatureDefs}
    main = next(name for name in (*MAIN, *signatures) if name in signatures)
    tensors = model.subgraphs[signatures[main].subgraphIndex].tensors
    inputs = [
        {
            "name": name,
            "dtype": dtypes[tensors[index].type],
            "shape": [int(size) for size in tensors[index].shape],
            **known.get(name, {}),
        }
        for name, index in _indices(signatures[main].inputs).items()
    ]
    stateful = any(tensor.isVariable for graph in model.subgraphs for tensor in graph.tensors)
    api = "Interpreter" if stateful else "CompiledModel"  # which opens no file with state
    return {"signatures": sorted(signatures), "signature": main, "inputs": inputs, "api": api}


def _files(run: Run, about: Mapping[str, Any], label_files: Mapping[str, str]) -> dict[str, bytes]:
    """Return all files to carry, by name."""
    opened = about["mediapipe"] is None
    length = next(item["shape"][1] for item in about["inputs"] if item["name"] == "token_ids")
    files = {VOCABULARY_FILE: _lines(run.pieces)} if opened else {}
    for output, file in label_files.items():
        files[file] = _lines(about["outputs"][output]["labels"])
    files |= {**run.files, TOKENIZER: run.tokenizer(length, not opened)}
    return files | {ABOUT: json.dumps(about, ensure_ascii=False).encode()}


def _graphs(
    model: Any,
    label_files: Mapping[str, str],
    outputs: Mapping[str, Mapping[str, Any]],
    names: Mapping[str, str],
) -> list[metadata.Graph]:
    """Return the tensors of the graphs that have a signature, and of those before them.

    Args:
        names: what inputs and outputs are called, if not as in the signature.
    """
    signatures = {entry.subgraphIndex: entry for entry in model.signatureDefs}
    graphs = []
    for number in range(max(signatures) + 1):
        if number not in signatures:
            graphs.append(metadata.Graph())
            continue
        graph, signature = model.subgraphs[number], signatures[number]
        given = {i: name for name, i in _indices(signature.outputs).items()}
        taken = {i: name for name, i in _indices(signature.inputs).items()}
        graphs.append(
            metadata.Graph(
                [names.get(taken[i], taken[i]) for i in graph.inputs],
                {
                    names.get(given[i], given[i]): label_files.get(
                        outputs.get(given[i], {}).get("of", given[i])
                    )
                    for i in graph.outputs
                },
            )
        )
    return graphs


def _description(task: str, unfit: str | None) -> str:
    """Return what a person reads who looks at the file."""
    opens = (
        "MediaPipe's TextClassifier opens this file. Without it"
        if unfit is None
        else f"MediaPipe does not open this file: {unfit}. Instead"
    )
    return (
        f"A model of tfapps for {task}. {opens}, LiteRT runs it with what is in the zip archive at "
        f"the end of the file (unzip -l): {ABOUT} names inputs and outputs, {TOKENIZER} turns a "
        f"text into the inputs, {LABELS} names the classes. The page '{PAGE}' of tfapps shows the "
        "program."
    )


def _label_files(outputs: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """Return the file of the labels of each output that has some, each a line."""
    named = {name: each["labels"] for name, each in outputs.items() if each.get("labels")}
    return {
        name: LABELS if name == LOGITS else f"labels_{name}.txt"
        for name, labels in named.items()
        if all(label.splitlines() == [label] for label in labels)
    }


def _indices(entries: Sequence[Any]) -> dict[str, int]:
    """Return the numbers of the tensors of a signature's inputs or outputs, by name."""
    return {entry.name.decode(): entry.tensorIndex for entry in entries}


def _lines(names: Sequence[str]) -> bytes:
    return "".join(f"{name}\n" for name in names).encode()
