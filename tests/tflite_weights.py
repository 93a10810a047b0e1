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
    apart = _apart(model, graph)
    for operator in graph.operators:
        code = model.operatorCodes[operator.opcodeIndex].builtinCode
        if code not in OPS:
            continue
        name, place = OPS[code]
        if operator.outputs[0] in apart.values():
            continue
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
        if name == "EMBEDDING_LOOKUP":
            assert scales == [1.0]  # a zero point for each would be twice their size
            scales = _read_by(model, graph, apart[operator.outputs[0]])
        yield Weight(name, bits, values.reshape(shape), scales)


def _apart(model: schema.ModelT, graph: schema.SubGraphT) -> dict[int, int]:
    """Rows of integer tables -> the scales of those rows, which they are multiplied with."""
    code = {"lookup": schema.BuiltinOperator.EMBEDDING_LOOKUP, "mul": schema.BuiltinOperator.MUL}
    looked, pairs = {}, []
    for operator in graph.operators:
        kind = model.operatorCodes[operator.opcodeIndex].builtinCode
        if kind == code["lookup"]:
            looked[operator.outputs[0]] = graph.tensors[operator.inputs[1]].type
        elif kind == code["mul"]:
            pairs.append(tuple(operator.inputs))
    full = {schema.TensorType.INT8, schema.TensorType.INT4}
    return {a: b for a, b in pairs if a in looked and b in looked and looked[a] in full}


def _read_by(model: schema.ModelT, graph: schema.SubGraphT, output: int) -> np.ndarray:
    """The values of the table whose lookup gives `output`."""
    operator = next(op for op in graph.operators if op.outputs[0] == output)
    data = model.buffers[graph.tensors[operator.inputs[1]].buffer].data
    return np.asarray(data, np.uint8).view("<f4").reshape(-1)


def _nibbles(data: bytes) -> np.ndarray:
    """Two signed values a byte, the low half first."""
    both = np.frombuffer(data, np.uint8)
    halves = np.stack([both & 15, both >> 4], axis=1).reshape(-1).astype(np.int8)
    return np.where(halves > 7, halves - 16, halves).astype(np.int8)
