"""Edge form of embedding tables: EMBEDDING_LOOKUP instead of GATHER in a float .tflite file.

Both read rows of a table, but only the former may keep its table in 8 or 4 bits with a scale for
every row; GATHER has one scale for the whole table, or none.
"""

from __future__ import annotations

from typing import Any

import numpy as np

SMALL = 1024  # values; like the converter's own bound: below it, integers save nothing


def look_up(content: bytes) -> bytes:
    """The same .tflite file with an EMBEDDING_LOOKUP wherever a GATHER read rows of a table.

    A table is a constant float32 matrix of at least `SMALL` values; GATHERs along another axis,
    of activations, or with ids of unknown shape stay as they are.

    Args:
        content: a .tflite file.

    Example:
        >>> Path("lookup.tflite").write_bytes(look_up(Path("float32.tflite").read_bytes()))
    """
    from ai_edge_litert.tools import flatbuffer_utils

    model = flatbuffer_utils.read_model_from_bytearray(bytearray(content))
    found = 0
    for graph in model.subgraphs:
        operators = []
        for operator in graph.operators:
            if _reads_rows(model, graph, operator):
                operators += _lookup(model, graph, operator)
                found += 1
            else:
                operators.append(operator)
        graph.operators = operators
    return bytes(flatbuffer_utils.convert_object_to_bytearray(model)) if found else content


def widths(content: bytes) -> set[int]:
    """Widths of the tables that an EMBEDDING_LOOKUP of a .tflite file reads."""
    from ai_edge_litert import schema_py_generated as schema
    from ai_edge_litert.tools import flatbuffer_utils

    model = flatbuffer_utils.read_model_from_bytearray(bytearray(content))
    lookup = schema.BuiltinOperator.EMBEDDING_LOOKUP
    return {
        int(graph.tensors[operator.inputs[1]].shape[-1])
        for graph in model.subgraphs
        for operator in graph.operators
        if model.operatorCodes[operator.opcodeIndex].builtinCode == lookup
    }


def _reads_rows(model: Any, graph: Any, operator: Any) -> bool:
    from ai_edge_litert import schema_py_generated as schema

    if model.operatorCodes[operator.opcodeIndex].builtinCode != schema.BuiltinOperator.GATHER:
        return False
    table, ids = (graph.tensors[i] for i in operator.inputs)
    options, values = operator.builtinOptions, model.buffers[table.buffer].data
    return (
        values is not None
        and table.type == schema.TensorType.FLOAT32
        and ids.type == schema.TensorType.INT32
        and len(table.shape) == 2
        and np.prod(table.shape) >= SMALL
        and not options.axis
        and not options.batchDims
        and (ids.shapeSignature is None or min(ids.shapeSignature) >= 0)
    )


def _lookup(model: Any, graph: Any, gather: Any) -> list[Any]:
    """The operators that do what `gather` does; the op itself takes ids (n,) only."""
    from ai_edge_litert import schema_py_generated as schema

    (table, ids), (output,) = gather.inputs, gather.outputs
    made = schema.OperatorT()
    made.opcodeIndex = _code(model, schema.BuiltinOperator.EMBEDDING_LOOKUP)
    if len(graph.tensors[ids].shape) == 1:
        made.inputs, made.outputs = [ids, table], [output]
        return [made]
    count, width = int(np.prod(graph.tensors[ids].shape)), int(graph.tensors[table].shape[1])
    flat = _tensor(graph, [count], graph.tensors[ids].type, graph.tensors[output].name + b"/ids")
    rows = _tensor(
        graph, [count, width], graph.tensors[output].type, graph.tensors[output].name + b"/rows"
    )
    made.inputs, made.outputs = [flat, table], [rows]
    return [_reshape(model, graph, ids, flat), made, _reshape(model, graph, rows, output)]


def _code(model: Any, builtin: int) -> int:
    """Index of the operator code, added where the file has none."""
    from ai_edge_litert import schema_py_generated as schema

    for i, code in enumerate(model.operatorCodes):
        if code.builtinCode == builtin:
            return i
    code = schema.OperatorCodeT()
    code.builtinCode = code.deprecatedBuiltinCode = builtin
    model.operatorCodes.append(code)
    return len(model.operatorCodes) - 1


def _tensor(graph: Any, shape: list[int], kind: int, name: bytes, buffer: int = 0) -> int:
    """Index of a new tensor; buffer 0 is the one without a value."""
    from ai_edge_litert import schema_py_generated as schema

    tensor = schema.TensorT()
    tensor.shape, tensor.type, tensor.name, tensor.buffer = shape, kind, name, buffer
    graph.tensors.append(tensor)
    return len(graph.tensors) - 1


def _reshape(model: Any, graph: Any, source: int, target: int) -> Any:
    from ai_edge_litert import schema_py_generated as schema

    shape = [int(n) for n in graph.tensors[target].shape]
    buffer = schema.BufferT()
    buffer.data = np.frombuffer(np.array(shape, "<i4").tobytes(), np.uint8)
    model.buffers.append(buffer)
    name = graph.tensors[target].name + b"/shape"
    constant = _tensor(graph, [len(shape)], schema.TensorType.INT32, name, len(model.buffers) - 1)
    made = schema.OperatorT()
    made.opcodeIndex = _code(model, schema.BuiltinOperator.RESHAPE)
    made.inputs, made.outputs = [source, constant], [target]
    return made
