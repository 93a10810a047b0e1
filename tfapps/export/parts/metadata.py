"""TFLite files that describe themselves: the text client of MediaPipe opens them as they are.

The metadata is a flatbuffer of its own in the file (table `ModelMetadata` of MediaPipe's
`mediapipe/tasks/metadata/metadata_schema.fbs`, version 1.5.0); vocabulary and labels are a zip
archive behind the model. https://ai.google.dev/edge/litert/conversion/tensorflow/metadata
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import flatbuffers
import numpy as np

# Inputs of the signature in the order that BERT clients use, with the names they look for.
INPUTS = {"token_ids": "ids", "padding_mask": "mask", "segment_ids": "segment_ids"}
OUTPUTS = ("scores", "logits")
VOCABULARY_FILE, LABELS_FILE = "vocab.txt", "labels.txt"
ENTRY = b"TFLITE_METADATA"  # name under which clients look in the model's own list
PARSER_VERSION = "1.1.0"  # the schema's first version with a BERT tokenizer
EPOCH = (1980, 1, 1, 0, 0, 0)  # the zip format's first moment: equal models are equal bytes

# Values of the schema's enums AssociatedFileType, ContentProperties and ProcessUnitOptions.
TENSOR_AXIS_LABELS, VOCABULARY = 2, 5
FEATURE_PROPERTIES = 1
BERT_TOKENIZER_OPTIONS = 4
FIELDS = 8  # of the largest table written here; empty ones at the end take no room


def describe(path: Path, pieces: Sequence[str], labels: Sequence[str]) -> bool:
    """Give a BERT classifier's file softmax scores, and the metadata to be used by itself.

    The signature keeps its names and gives `scores` beside the logits. The metadata calls the
    inputs `ids`, `mask`, `segment_ids`. A file with other inputs or outputs is left alone.

    Args:
        path: the .tflite file, overwritten.
        pieces: the vocabulary in the order of the ids.
        labels: the classes in the order of the logits.

    Returns:
        Whether the file was one that fits.
    """
    from ai_edge_litert import schema_py_generated as schema

    from tfapps.export.parts import flatbuffer

    path = Path(path)
    model = flatbuffer.read(path.read_bytes())
    if not _fits(model, labels):
        return False
    _add_scores(model)
    model.buffers.append(schema.BufferT(data=np.frombuffer(_metadata(), np.uint8)))
    entry = schema.MetadataT(name=ENTRY, buffer=len(model.buffers) - 1)
    model.metadata = [*(model.metadata or []), entry]
    files = {VOCABULARY_FILE: pieces, LABELS_FILE: labels}
    path.write_bytes(_with_files(flatbuffer.write(model), files))
    return True


def _fits(model: Any, labels: Sequence[str]) -> bool:
    from ai_edge_litert import schema_py_generated as schema

    if len(model.subgraphs) != 1 or len(model.signatureDefs or []) != 1:
        return False
    inputs, outputs = _signature(model)
    if set(inputs) != set(INPUTS) or set(outputs) != {"logits"}:
        return False
    # One label is one line of the labels file.
    lines = all(label.splitlines() == [label] for label in labels)
    logits = model.subgraphs[0].tensors[outputs["logits"]]
    floats = logits.type == schema.TensorType.FLOAT32
    return lines and floats and list(logits.shape) == [1, len(labels)]


def _signature(model: Any) -> tuple[dict[str, int], dict[str, int]]:
    """Return inputs and outputs of the only signature: name -> number of the tensor."""
    signature = model.signatureDefs[0]
    inputs = {entry.name.decode(): entry.tensorIndex for entry in signature.inputs}
    outputs = {entry.name.decode(): entry.tensorIndex for entry in signature.outputs}
    return inputs, outputs


def _add_scores(model: Any) -> None:
    """Put a softmax behind the logits and list inputs and outputs in the order of the metadata."""
    from ai_edge_litert import schema_py_generated as schema

    graph, (inputs, outputs) = model.subgraphs[0], _signature(model)
    logits = outputs["logits"]
    softmax = schema.BuiltinOperator.SOFTMAX
    # Files with integer attention hold a later version of the op, which is not for floats.
    model.operatorCodes.append(
        schema.OperatorCodeT(deprecatedBuiltinCode=softmax, builtinCode=softmax, version=1)
    )
    graph.tensors.append(
        schema.TensorT(
            shape=list(graph.tensors[logits].shape),
            type=schema.TensorType.FLOAT32,
            buffer=0,
            name=b"scores",
            hasRank=True,
        )
    )
    scores = len(graph.tensors) - 1
    graph.operators.append(
        schema.OperatorT(
            opcodeIndex=len(model.operatorCodes) - 1,
            inputs=[logits],
            outputs=[scores],
            builtinOptionsType=schema.BuiltinOptions.SoftmaxOptions,
            builtinOptions=schema.SoftmaxOptionsT(beta=1.0),
        )
    )
    graph.inputs = [inputs[name] for name in INPUTS]
    graph.outputs = [scores, logits]
    # Clients complain about graphs that give more than their signature says.
    model.signatureDefs[0].outputs.append(schema.TensorMapT(name=b"scores", tensorIndex=scores))


def _metadata() -> bytes:
    """Return the flatbuffer `ModelMetadata`. Slots are the places of fields in the schema's tables
    (a union takes two: its type, then its value)."""
    b = flatbuffers.Builder(1024)

    def table(*slots: tuple[int, int], kind: tuple[int, int] | None = None) -> int:
        b.StartObject(FIELDS)
        for slot, offset in slots:
            b.PrependUOffsetTRelativeSlot(slot, offset, 0)
        if kind is not None:
            b.PrependInt8Slot(*kind, 0)
        return b.EndObject()

    def vector(*offsets: int) -> int:
        b.StartVector(4, len(offsets), 4)
        for offset in reversed(offsets):
            b.PrependUOffsetTRelative(offset)
        return b.EndVector()

    def file(name: str, kind: int) -> int:  # AssociatedFile: name, description, type
        return table((0, b.CreateString(name)), kind=(2, kind))

    def tensor(name: str, *more: tuple[int, int]) -> int:  # TensorMetadata: name, 3 content
        content = table((1, table()), kind=(0, FEATURE_PROPERTIES))  # Content: the union
        return table((0, b.CreateString(name)), (3, content), *more)

    def output(name: str) -> int:  # TensorMetadata: 6 associated_files
        return tensor(name, (6, vector(file(LABELS_FILE, TENSOR_AXIS_LABELS))))

    vocabulary = vector(file(VOCABULARY_FILE, VOCABULARY))
    tokenizer = table((0, vocabulary))  # BertTokenizerOptions: vocab_file
    unit = table((1, tokenizer), kind=(0, BERT_TOKENIZER_OPTIONS))  # ProcessUnit: the union
    # SubGraphMetadata: 2 input_tensor_metadata, 3 output_tensor_metadata, 5 input_process_units
    graph = table(
        (2, vector(*[tensor(name) for name in INPUTS.values()])),
        (3, vector(*[output(name) for name in OUTPUTS])),
        (5, vector(unit)),
    )
    # ModelMetadata: 0 name, 3 subgraph_metadata, 7 min_parser_version
    model = table(
        (0, b.CreateString("TextClassifier")),
        (3, vector(graph)),
        (7, b.CreateString(PARSER_VERSION)),
    )
    b.Finish(model, file_identifier=b"M001")
    return bytes(b.Output())


def _with_files(model: bytes, files: Mapping[str, Sequence[str]]) -> bytes:
    """Append files of lines to a model; not compressed, because clients map them in place."""
    buffer = io.BytesIO(model)
    with zipfile.ZipFile(buffer, "a", zipfile.ZIP_STORED) as archive:
        for name, lines in files.items():
            entry = zipfile.ZipInfo(name, EPOCH)
            entry.create_system = 3  # the same on every system
            archive.writestr(entry, "".join(f"{line}\n" for line in lines))
    return buffer.getvalue()
