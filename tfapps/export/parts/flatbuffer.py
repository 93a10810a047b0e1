"""Read a .tflite file as objects that can be changed, and write it back."""

from __future__ import annotations

from typing import Any

import flatbuffers
import numpy as np


def read(content: bytes) -> Any:
    """Return the `ModelT` of the schema, weights included that lie behind the flatbuffer.

    Raises:
        ValueError: the bytes are not a TFLite model.
    """
    from ai_edge_litert import schema_py_generated as schema

    if content[4:8] != b"TFL3":
        raise ValueError("not a TFLite file")
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(content, 0))
    for buffer in model.buffers:
        # 0 and 1 stand for "not outside"; the schema keeps them free.
        if buffer.offset > 1:
            end = buffer.offset + buffer.size
            buffer.data = np.frombuffer(content[buffer.offset : end], np.uint8)
            buffer.offset = buffer.size = 0
    return model


def write(model: Any) -> bytes:
    """Return the bytes of a `ModelT`."""
    size = sum(0 if buffer.data is None else len(buffer.data) for buffer in model.buffers)
    builder = _Builder(size + 2**20)
    builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
    return bytes(builder.Output())


class _Builder(flatbuffers.Builder):
    """Aligns weights to 16 bytes, as the schema wants, and writes equal vectors once.

    Zero points are the reason: there is one of 8 bytes for each channel, and all of them are zero.
    """

    def __init__(self, size: int) -> None:
        super().__init__(size)
        self._written: dict[tuple[str, bytes], Any] = {}

    def StartVector(self, elemSize: int, numElems: int, alignment: int) -> Any:
        return super().StartVector(elemSize, numElems, 16 if elemSize == 1 else alignment)

    def CreateNumpyVector(self, x: np.ndarray) -> Any:
        key = (x.dtype.str, x.tobytes())
        if key not in self._written:
            self._written[key] = super().CreateNumpyVector(x)
        return self._written[key]
