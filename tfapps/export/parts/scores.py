"""Probabilities of logits, as outputs that are added to a .tflite file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tfapps.backends.base import SERVE, SHORT
from tfapps.forms.parts.probable import output_name


def add_probabilities(model: Any, activations: Mapping[str, str]) -> None:
    """Add an output of probabilities to each signature that answers for a whole text.

    Args:
        model: `ModelT`, changed in place.
        activations: {output: `softmax` or `sigmoid`} of those that get one.
    """
    for signature in model.signatureDefs or []:
        name = signature.signatureKey.decode()
        if name != SERVE and not name.startswith(SHORT):
            continue
        outputs = {entry.name.decode(): entry.tensorIndex for entry in signature.outputs}
        for logits, activation in activations.items():
            if output_name(logits) not in outputs:
                add(model, signature, outputs[logits], activation, output_name(logits))


def add(model: Any, signature: Any, logits: int, activation: str, name: str) -> int:
    """Put an activation behind a float output, and list it last in graph and signature.

    Args:
        model: `ModelT`, changed in place.
        signature: the one that gets the output.
        logits: number of the tensor it is made from.
        activation: `softmax` or `sigmoid`.
        name: of the output.

    Returns:
        The number of its tensor.
    """
    from ai_edge_litert import schema_py_generated as schema

    graph, softmax = model.subgraphs[signature.subgraphIndex], activation == "softmax"
    operator = schema.BuiltinOperator.SOFTMAX if softmax else schema.BuiltinOperator.LOGISTIC
    # Files with integer attention hold a later version of the op, which is not for floats.
    model.operatorCodes.append(
        schema.OperatorCodeT(deprecatedBuiltinCode=operator, builtinCode=operator, version=1)
    )
    shape = list(graph.tensors[logits].shape)
    graph.tensors.append(
        schema.TensorT(
            shape=shape,
            type=schema.TensorType.FLOAT32,
            buffer=0,
            name=name.encode(),
            hasRank=True,
        )
    )
    output = len(graph.tensors) - 1
    added = schema.OperatorT(
        opcodeIndex=len(model.operatorCodes) - 1, inputs=[logits], outputs=[output]
    )
    if softmax:
        added.builtinOptionsType = schema.BuiltinOptions.SoftmaxOptions
        added.builtinOptions = schema.SoftmaxOptionsT(beta=1.0)
    graph.operators.append(added)
    graph.outputs = [*graph.outputs, output]
    # Clients complain about graphs that give more than their signature says.
    signature.outputs.append(schema.TensorMapT(name=name.encode(), tensorIndex=output))
    return output
