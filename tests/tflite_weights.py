"""Reads the weights of matrix products and embedding tables out of a .tflite file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.tools import flatbuffer_utils

OPS = {
    schema.BuiltinOperator.FULLY_CONNECTED: ("FULLY_CONNECTED", 1),
    schema.BuiltinOperator.EMBEDDING_LOOKUP: ("EMBEDDING_LOOKUP", 1),
    schema.BuiltinOperator.GATHER: ("GATHER", 0),
}


@dataclass
class Weight:
    """A constant matrix as it is stored: integers and a scale for each row, or float32."""

    op: str
    bits: int
    values: np.ndarray
    scales: np.ndarray | None

    @property
    def real(self) -> np.ndarray:
        """What the runtime computes with, (rows, columns) float32."""
        if self.scales is None:
            return self.values
        return self.values.astype(np.float32) * self.scales[:, None]


def weights(path: Path) -> list[Weight]:
    """The weights of the main graph in the order of their ops."""
    model = flatbuffer_utils.read_model_from_bytearray(bytearray(path.read_bytes()))
    return list(_weights(model, model.subgraphs[0]))


def _weights(model: schema.ModelT, graph: schema.SubGraphT) -> Iterator[Weight]:
    for operator in graph.operators:
        code = model.operatorCodes[operator.opcodeIndex].builtinCode
        if code not in OPS:
            continue
        name, place = OPS[code]
        tensor = graph.tensors[operator.inputs[place]]
        data = np.asarray(model.buffers[tensor.buffer].data, np.uint8).tobytes()
        shape = [int(n) for n in tensor.shape]
        if tensor.type == schema.TensorType.FLOAT32:
            yield Weight(name, 32, np.frombuffer(data, "<f4").reshape(shape), None)
            continue
        quantization = tensor.quantization
        assert quantization.quantizedDimension == 0
        assert not np.any(quantization.zeroPoint)
        if tensor.type == schema.TensorType.INT8:
            bits, values = 8, np.frombuffer(data, np.int8)
        else:
            assert tensor.type == schema.TensorType.INT4
            bits, values = 4, _nibbles(data)[: np.prod(shape)]
        scales = np.asarray(quantization.scale, np.float32)
        yield Weight(name, bits, values.reshape(shape), scales)


def _nibbles(data: bytes) -> np.ndarray:
    """Two signed values a byte, the low half first."""
    both = np.frombuffer(data, np.uint8)
    halves = np.stack([both & 15, both >> 4], axis=1).reshape(-1).astype(np.int8)
    return np.where(halves > 7, halves - 16, halves).astype(np.int8)
