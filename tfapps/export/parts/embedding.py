"""Edge form of embedding tables: EMBEDDING_LOOKUP instead of GATHER in a float .tflite file.

Both read rows of a table, but only the former may keep its table in 8 or 4 bits with a scale for
every row; GATHER has one scale for the whole table, or none.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from tfapps.export.parts import flatbuffer

SMALL = 1024  # values; like the converter's own bound: below it, integers save nothing


def look_up(content: bytes) -> bytes:
    """Return the same .tflite file with an EMBEDDING_LOOKUP wherever a GATHER read rows of a table.

    A table is a constant float32 matrix of at least `SMALL` values; GATHERs along another axis,
    of activations, or with ids of unknown shape stay as they are.

    Args:
        content: a .tflite file.

    Example:
        >>> Path("lookup.tflite").write_bytes(look_up(Path("float32.tflite").read_bytes()))
    """
    model = flatbuffer.read(content)
    replaced = 0
    for graph in model.subgraphs:
        operators = []
        for operator in graph.operators:
            if _reads_rows(model, graph, operator):
                operators += _lookup(model, graph, operator)
                replaced += 1
            else:
                operators.append(operator)
        graph.operators = operators
    return flatbuffer.write(model) if replaced else content


def integer_tables(content: bytes) -> bytes:
    """Return the same .tflite file with int8 tables, a symmetric scale for each row; see `look_up`.

    For files whose other weights are integers already; values that training left on that grid
    come out as they were. A table that something else reads as well stays float.
    """
    model = flatbuffer.read(look_up(content))
    users = Counter(tensor.buffer for graph in model.subgraphs for tensor in graph.tensors)
    shared: dict[int, list[Any]] = {}
    for table in _tables(model):
        shared.setdefault(table.buffer, []).append(table)
    for buffer, tables in shared.items():
        if users[buffer] == len(tables):
            _round_rows(model, tables)
    return scales_apart(flatbuffer.write(model))


def scales_apart(content: bytes) -> bytes:
    """Return the same .tflite file with the scales of integer tables' rows in tables of their own.

    A quantized tensor holds a zero point of 8 bytes beside each scale, though all of them are 0.
    """
    from ai_edge_litert import schema_py_generated as schema

    model = flatbuffer.read(content)
    for graph in model.subgraphs:
        scales: dict[int, int] = {}
        operators = []
        for operator in graph.operators:
            operators.append(operator)
            if _is(model, operator, schema.BuiltinOperator.EMBEDDING_LOOKUP):
                table = operator.inputs[1]
                if table not in scales and _scaled_by_row(graph.tensors[table]):
                    scales[table] = _take_scales(model, graph, table)
                if table in scales:
                    operators += _scaled(model, graph, operator, scales[table])
        graph.operators = operators
    return flatbuffer.write(model)


def _round_rows(model: Any, tables: Sequence[Any]) -> None:
    """Turn float tables of one buffer into int8, a scale for each row."""
    from ai_edge_litert import schema_py_generated as schema

    buffer = model.buffers[tables[0].buffer]
    values = buffer.data.view(np.float32).reshape(tables[0].shape)
    scale = np.abs(values).max(axis=1) / np.float32(127)
    scale = np.where(scale, scale, 1).astype(np.float32)
    buffer.data = np.round(values / scale[:, None]).astype(np.int8).view(np.uint8).reshape(-1)
    for table in tables:
        table.type = schema.TensorType.INT8
        table.quantization = schema.QuantizationParametersT(
            scale=scale, zeroPoint=np.zeros(len(scale), np.int64), quantizedDimension=0
        )


def _scaled_by_row(table: Any) -> bool:
    quantized = table.quantization
    return quantized is not None and quantized.scale is not None and len(quantized.scale) > 1


def _take_scales(model: Any, graph: Any, table: int) -> int:
    """Leave a table its steps alone; returns the tensor of the scales of its rows, (rows, 1)."""
    from ai_edge_litert import schema_py_generated as schema

    tensor = graph.tensors[table]
    scale = np.asarray(tensor.quantization.scale, "<f4")[:, None]
    tensor.quantization = schema.QuantizationParametersT(
        scale=np.ones(1, np.float32), zeroPoint=np.zeros(1, np.int64), quantizedDimension=0
    )
    return _constant(model, graph, scale, schema.TensorType.FLOAT32, tensor.name + b"/scales")


def _scaled(model: Any, graph: Any, lookup: Any, scales: int) -> list[Any]:
    """Multiply the integer rows that `lookup` gives with their scales, in place of its output."""
    from ai_edge_litert import schema_py_generated as schema

    (ids, _), (output,) = lookup.inputs, lookup.outputs
    result = graph.tensors[output]
    steps = _tensor(graph, [int(n) for n in result.shape], result.type, result.name + b"/steps")
    scale = _tensor(graph, [int(result.shape[0]), 1], result.type, result.name + b"/scale")
    lookup.outputs = [steps]
    scale_lookup = schema.OperatorT(
        inputs=[ids, scales], outputs=[scale], opcodeIndex=lookup.opcodeIndex
    )
    product = schema.OperatorT(
        inputs=[steps, scale],
        outputs=[output],
        opcodeIndex=_code(model, schema.BuiltinOperator.MUL),
        builtinOptionsType=schema.BuiltinOptions.MulOptions,
        builtinOptions=schema.MulOptionsT(),
    )
    return [scale_lookup, product]


def widths(content: bytes) -> set[int]:
    """Return the widths of the tables that an EMBEDDING_LOOKUP of a .tflite file reads."""
    return {int(table.shape[-1]) for table in _tables(flatbuffer.read(content))}


def _tables(model: Any) -> list[Any]:
    """Return the float tables that an EMBEDDING_LOOKUP reads, each once."""
    from ai_edge_litert import schema_py_generated as schema

    tables = {
        id(graph.tensors[operator.inputs[1]]): graph.tensors[operator.inputs[1]]
        for graph in model.subgraphs
        for operator in graph.operators
        if _is(model, operator, schema.BuiltinOperator.EMBEDDING_LOOKUP)
    }
    return [t for t in tables.values() if t.type == schema.TensorType.FLOAT32]


def _is(model: Any, operator: Any, builtin: int) -> bool:
    return model.operatorCodes[operator.opcodeIndex].builtinCode == builtin


def _reads_rows(model: Any, graph: Any, operator: Any) -> bool:
    from ai_edge_litert import schema_py_generated as schema

    if not _is(model, operator, schema.BuiltinOperator.GATHER):
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
    """Return the operators that do what `gather` does; the op itself takes ids (n,) only."""
    from ai_edge_litert import schema_py_generated as schema

    (table, ids), (output,) = gather.inputs, gather.outputs
    lookup = schema.OperatorT()
    lookup.opcodeIndex = _code(model, schema.BuiltinOperator.EMBEDDING_LOOKUP)
    if len(graph.tensors[ids].shape) == 1:
        lookup.inputs, lookup.outputs = [ids, table], [output]
        return [lookup]
    count, width = int(np.prod(graph.tensors[ids].shape)), int(graph.tensors[table].shape[1])
    flat = _tensor(graph, [count], graph.tensors[ids].type, graph.tensors[output].name + b"/ids")
    rows = _tensor(
        graph, [count, width], graph.tensors[output].type, graph.tensors[output].name + b"/rows"
    )
    lookup.inputs, lookup.outputs = [flat, table], [rows]
    return [_reshape(model, graph, ids, flat), lookup, _reshape(model, graph, rows, output)]


def _code(model: Any, builtin: int) -> int:
    """Return the index of the operator code, added where the file has none."""
    from ai_edge_litert import schema_py_generated as schema

    for i, code in enumerate(model.operatorCodes):
        if code.builtinCode == builtin:
            return i
    code = schema.OperatorCodeT()
    code.builtinCode = code.deprecatedBuiltinCode = builtin
    model.operatorCodes.append(code)
    return len(model.operatorCodes) - 1


def _tensor(graph: Any, shape: list[int], kind: int, name: bytes, buffer: int = 0) -> int:
    """Return the index of a new tensor; buffer 0 is the one without a value."""
    from ai_edge_litert import schema_py_generated as schema

    tensor = schema.TensorT()
    tensor.shape, tensor.type, tensor.name, tensor.buffer = shape, kind, name, buffer
    graph.tensors.append(tensor)
    return len(graph.tensors) - 1


def _constant(model: Any, graph: Any, values: np.ndarray, kind: int, name: bytes) -> int:
    """Return the index of a new tensor with these values."""
    from ai_edge_litert import schema_py_generated as schema

    model.buffers.append(schema.BufferT(data=np.frombuffer(values.tobytes(), np.uint8)))
    return _tensor(graph, list(values.shape), kind, name, len(model.buffers) - 1)


def _reshape(model: Any, graph: Any, source: int, target: int) -> Any:
    from ai_edge_litert import schema_py_generated as schema

    shape = [int(n) for n in graph.tensors[target].shape]
    name = graph.tensors[target].name + b"/shape"
    constant = _constant(model, graph, np.array(shape, "<i4"), schema.TensorType.INT32, name)
    reshape = schema.OperatorT()
    reshape.opcodeIndex = _code(model, schema.BuiltinOperator.RESHAPE)
    reshape.inputs, reshape.outputs = [source, constant], [target]
    return reshape
