"""Hand-made .tflite files that read rows of a table with a GATHER, without any converter."""

from __future__ import annotations

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.tools import flatbuffer_utils

from tfapps.export.parts import embedding


def gather(table, ids_shape, *, axis=0, constant=True, signature=None):
    """ids (shape) -> rows of `table` along `axis`; the table is an input unless `constant`."""
    model, graph = schema.ModelT(), schema.SubGraphT()
    model.version, model.subgraphs, model.buffers = 3, [graph], [schema.BufferT()]
    code = schema.OperatorCodeT()
    code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.GATHER
    model.operatorCodes = [code]
    buffer = schema.BufferT()
    buffer.data = np.frombuffer(table.tobytes(), np.uint8)
    model.buffers.append(buffer)
    output = (*table.shape[:axis], *ids_shape, *table.shape[axis + 1 :])
    float32, int32 = schema.TensorType.FLOAT32, schema.TensorType.INT32
    graph.tensors = [
        _tensor("table", table.shape, float32, 1 if constant else 0),
        _tensor("ids", ids_shape, int32, 0),
        _tensor("rows", output, float32, 0),
    ]
    graph.tensors[1].shapeSignature = signature
    operator = schema.OperatorT()
    operator.inputs, operator.outputs = [0, 1], [2]
    operator.builtinOptionsType = schema.BuiltinOptions.GatherOptions
    operator.builtinOptions = schema.GatherOptionsT()
    operator.builtinOptions.axis = axis
    graph.operators, graph.outputs = [operator], [2]
    graph.inputs = [1] if constant else [0, 1]
    return bytes(flatbuffer_utils.convert_object_to_bytearray(model))


def lookup(width):
    """A file with one EMBEDDING_LOOKUP of a table of 60 rows."""
    return embedding.look_up(gather(np.ones((60, width), np.float32), (3,)))


def _tensor(name, shape, kind, buffer):
    tensor = schema.TensorT()
    tensor.name, tensor.shape, tensor.type, tensor.buffer = name.encode(), list(shape), kind, buffer
    return tensor
