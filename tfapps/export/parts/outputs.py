"""Outputs of .tflite files that share a constant."""

from __future__ import annotations

import copy
from typing import Any

from tfapps.export.parts import flatbuffer


def separate_constants(content: bytes) -> bytes:
    """Return the same .tflite file with a tensor for each output that is a constant.

    The converter merges equal constants, for example the empty caches that an encoder returns. A
    `CompiledModel` then gives one of the outputs and loses the others. The tensors share their
    bytes in the file.
    """
    from ai_edge_litert import schema_py_generated as schema

    model = schema.Model.GetRootAs(content, 0)
    signatures = [model.SignatureDefs(i) for i in range(model.SignatureDefsLength())]
    if not any(_shares(signature) for signature in signatures):
        return content
    changed = flatbuffer.read(content)
    for signature in changed.signatureDefs:
        _separate(changed, signature)
    return flatbuffer.write(changed)


def _shares(signature: Any) -> bool:
    """Return whether two outputs of a signature are the same tensor."""
    count = signature.OutputsLength()
    return len({signature.Outputs(i).TensorIndex() for i in range(count)}) < count


def _separate(model: Any, signature: Any) -> None:
    """Give the second and later names of a constant tensors of their own."""
    graph, seen = model.subgraphs[signature.subgraphIndex], set()
    outputs = list(graph.outputs)
    for entry in signature.outputs:
        shared = entry.tensorIndex
        tensor = graph.tensors[shared]
        if shared in seen and model.buffers[tensor.buffer].data is not None:
            twin = copy.copy(tensor)
            twin.name = entry.name
            entry.tensorIndex = len(graph.tensors)
            graph.tensors.append(twin)
            outputs[outputs.index(shared)] = entry.tensorIndex
        seen.add(shared)
    graph.outputs = outputs
