"""The metadata of a .tflite file: what its tensors are called, and which files it carries.

The metadata is a flatbuffer of its own in the file (table `ModelMetadata` of MediaPipe's
`mediapipe/tasks/metadata/metadata_schema.fbs`, version 1.5.0); the files are a zip archive behind
the model. https://ai.google.dev/edge/litert/conversion/tensorflow/metadata
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import flatbuffers
import numpy as np

VOCABULARY_FILE = "vocab.txt"
ENTRY = b"TFLITE_METADATA"  # name under which clients look in the model's own list
PARSER_VERSION = "1.1.0"  # the schema's first version with a BERT tokenizer
EPOCH = (1980, 1, 1, 0, 0, 0)  # the zip format's first moment: equal models are equal bytes

# Values of the schema's enums AssociatedFileType, ContentProperties and ProcessUnitOptions.
UNKNOWN_FILE, TENSOR_AXIS_LABELS, VOCABULARY = 0, 2, 5
FEATURE_PROPERTIES = 1
BERT_TOKENIZER_OPTIONS = 4
FIELDS = 8  # of the largest table written here; empty ones at the end take no room


@dataclass(frozen=True)
class Graph:
    """Tensors of a subgraph, in its order.

    Attributes:
        inputs: their names.
        outputs: by name, the file with the labels of the last axis; None for an output without.
    """

    inputs: Sequence[str] = ()
    outputs: Mapping[str, str | None] = ()


def metadata(
    name: str,
    description: str,
    graphs: Sequence[Graph],
    files: Collection[str] = (),
    *,
    bert_tokenizer: bool = False,
) -> bytes:
    """Return the flatbuffer `ModelMetadata`.

    Args:
        graphs: one for each subgraph, as far as they are described.
        files: names of carried files that belong to no tensor.
        bert_tokenizer: the first graph is read by MediaPipe, with the vocabulary file.
    """
    tables = _Tables()
    units = [tables.bert_tokenizer()] if bert_tokenizer else []
    described = [tables.graph(each, units if i == 0 else []) for i, each in enumerate(graphs)]
    # ModelMetadata: 0 name, 1 description, 3 subgraph_metadata, 6 files, 7 min_parser_version
    model = tables.table(
        (0, tables.text(name)),
        (1, tables.text(description)),
        (3, tables.vector(described)),
        (6, tables.vector([tables.file(each, UNKNOWN_FILE) for each in files])),
        (7, tables.text(PARSER_VERSION)),
    )
    tables.builder.Finish(model, file_identifier=b"M001")
    return bytes(tables.builder.Output())


class _Tables:
    """Writes tables of the schema. Slots are the places of fields in them (a union takes two: its
    type, then its value); offsets are those of what was written already."""

    def __init__(self) -> None:
        self.builder = flatbuffers.Builder(1024)
        self.text = self.builder.CreateString

    def table(self, *slots: tuple[int, int], kind: tuple[int, int] | None = None) -> int:
        self.builder.StartObject(FIELDS)
        for slot, offset in slots:
            self.builder.PrependUOffsetTRelativeSlot(slot, offset, 0)
        if kind is not None:
            self.builder.PrependInt8Slot(*kind, 0)
        return self.builder.EndObject()

    def vector(self, offsets: Sequence[int]) -> int:
        self.builder.StartVector(4, len(offsets), 4)
        for offset in reversed(offsets):
            self.builder.PrependUOffsetTRelative(offset)
        return self.builder.EndVector()

    def file(self, name: str, kind: int) -> int:  # AssociatedFile: name, description, type
        return self.table((0, self.text(name)), kind=(2, kind))

    def tensor(self, name: str, labels: str | None = None) -> int:
        content = self.table((1, self.table()), kind=(0, FEATURE_PROPERTIES))  # Content: the union
        files = [] if labels is None else [self.vector([self.file(labels, TENSOR_AXIS_LABELS)])]
        # TensorMetadata: name, 3 content, 6 associated_files
        return self.table((0, self.text(name)), (3, content), *((6, each) for each in files))

    def graph(self, graph: Graph, units: Sequence[int]) -> int:
        inputs = self.vector([self.tensor(name) for name in graph.inputs])
        outputs = self.vector([self.tensor(*item) for item in dict(graph.outputs).items()])
        # SubGraphMetadata: 2 input_tensor_metadata, 3 output_tensor_metadata, 5 input_process_units
        more = [(5, self.vector(units))] if units else []
        return self.table((2, inputs), (3, outputs), *more)

    def bert_tokenizer(self) -> int:
        vocabulary = self.vector([self.file(VOCABULARY_FILE, VOCABULARY)])
        tokenizer = self.table((0, vocabulary))  # BertTokenizerOptions: vocab_file
        return self.table(
            (1, tokenizer), kind=(0, BERT_TOKENIZER_OPTIONS)
        )  # ProcessUnit: the union


def attach(model: Any, content: bytes) -> None:
    """Put metadata into a `ModelT`."""
    from ai_edge_litert import schema_py_generated as schema

    model.buffers.append(schema.BufferT(data=np.frombuffer(content, np.uint8)))
    entry = schema.MetadataT(name=ENTRY, buffer=len(model.buffers) - 1)
    model.metadata = [*(model.metadata or []), entry]


def with_files(model: bytes, files: Mapping[str, bytes], packed: Collection[str] = ()) -> bytes:
    """Append files to a model.

    Args:
        packed: names of those that are compressed; clients of metadata map the others in place.
    """
    buffer = io.BytesIO(model)
    with zipfile.ZipFile(buffer, "a", zipfile.ZIP_STORED) as archive:
        for name, content in files.items():
            entry = zipfile.ZipInfo(name, EPOCH)
            entry.create_system = 3  # the same on every system
            how = zipfile.ZIP_DEFLATED if name in packed else zipfile.ZIP_STORED
            archive.writestr(entry, content, how, 9)
    return buffer.getvalue()
