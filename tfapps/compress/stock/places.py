"""Decides which layer of a graph rounds which tensor, so that each is rounded once.

The places are those of the TensorFlow Model Optimization toolkit: the input of the model, the
output of every product, and of merges of rounded tensors; nothing between a product, the batch
normalization behind it and the ReLU behind both, which LiteRT computes as one operation.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import keras
from keras import layers
from keras.src.models.functional import Functional, functional_like_constructor

from tfapps.compress.stock.twins.base import Merge, Place, Product, Twin, name_of

# What a tensor is: float, an input of the model (a quantizer may follow), rounded, or the output
# of a product that is not rounded before the next layer.
FLOAT, INPUT, INTEGER, UNFINISHED = "float", "input", "integer", "unfinished"
# Layers that pass rounded values on as they are.
TRANSPARENT = (
    layers.Dropout,
    layers.SpatialDropout1D,
    layers.SpatialDropout2D,
    layers.SpatialDropout3D,
    layers.GaussianNoise,
    layers.GaussianDropout,
    layers.ActivityRegularization,
    layers.Identity,
    layers.Flatten,
    layers.Reshape,
    layers.Permute,
    layers.RepeatVector,
    layers.Cropping1D,
    layers.Cropping2D,
    layers.Cropping3D,
    layers.ZeroPadding1D,
    layers.ZeroPadding2D,
    layers.ZeroPadding3D,
    layers.MaxPooling1D,
    layers.MaxPooling2D,
    layers.MaxPooling3D,
    layers.GlobalMaxPooling1D,
    layers.GlobalMaxPooling2D,
    layers.GlobalMaxPooling3D,
)
KIND = {FLOAT: "moving", INPUT: "all", INTEGER: None, UNFINISHED: None}


@dataclass(frozen=True)
class Decision:
    """What becomes of a layer: a place for its twin, or the reason why it stays float."""

    place: Place | None = None
    reason: str = ""


class Graph:
    """The nodes of a functional or Sequential model, and who reads which tensor.

    Args:
        twins: of layers by id; of those that are quantized.
    """

    def __init__(self, model: Any, twins: Mapping[int, type[Twin]]) -> None:
        graph = functional(model)
        by_depth = graph._nodes_by_depth
        self.nodes = [node for depth in sorted(by_depth, reverse=True) for node in by_depth[depth]]
        self.twins = twins
        self.inputs = [id(tensor) for tensor in graph.inputs]
        self.known: dict[int, str] = {}
        outputs = keras.tree.flatten(graph.outputs)
        self.readers: dict[int, list[Any]] = {id(tensor): [None] for tensor in outputs}
        self.calls: dict[int, int] = {}
        for node in self.nodes:
            self.calls[id(node.operation)] = self.calls.get(id(node.operation), 0) + 1
            for tensor in node.input_tensors:
                self.readers.setdefault(id(tensor), []).append(node)

    def decide(self, states: Sequence[str] = ()) -> dict[int, Decision]:
        """Return the decision for every layer with a twin, by its id.

        Args:
            states: of the inputs, of a nested model.
        """
        self.known = dict.fromkeys(self.inputs, INPUT) | dict(
            zip(self.inputs, states, strict=False)
        )
        decisions: dict[int, Decision] = {}
        for node in self.nodes:
            if node.is_input:
                continue
            arrived = [self.known.get(id(t), FLOAT) for t in node.input_tensors if is_float(t)]
            if is_plain(node.operation):
                after = self._nested(node, decisions)
            else:
                after = [self._decided(node, arrived, decisions)] * len(node.outputs)
            self.known |= {id(t): state for t, state in zip(node.outputs, after, strict=False)}
        return decisions

    def _nested(self, node: Any, decisions: dict[int, Decision]) -> list[str]:
        """Add the decisions of a nested model; return the states of its outputs."""
        arrived = [self.known.get(id(tensor), FLOAT) for tensor in node.input_tensors]
        if self.calls[id(node.operation)] > 1:
            arrived = [FLOAT for _ in arrived]
        inner = Graph(node.operation, self.twins)
        decisions |= inner.decide(arrived)
        outputs = keras.tree.flatten(functional(node.operation).outputs)
        return [inner.known.get(id(tensor), FLOAT) for tensor in outputs]

    def _decided(self, node: Any, arrived: Sequence[str], decisions: dict[int, Decision]) -> str:
        """Add the decision of a layer; return the state of its outputs."""
        layer = node.operation
        twin, decision = self.twins.get(id(layer)), Decision()
        if twin is not None:
            decision = decisions.setdefault(id(layer), self._decision(node, twin, arrived))
        return self._state(layer, twin, decision, arrived)

    def _decision(self, node: Any, twin: type[Twin], arrived: Sequence[str]) -> Decision:
        """Return the decision for a layer at its first call."""
        shared = self.calls[id(node.operation)] > 1
        if not issubclass(twin, Merge):
            kinds = tuple(KIND[FLOAT if shared else state] for state in arrived)
            return Decision(Place(kinds, shared or self._next(node) is None))
        if FLOAT in arrived or not arrived or shared:
            return Decision(reason="what it reads is float")
        behind = UNFINISHED in arrived
        if isinstance(node.operation, layers.BatchNormalization) and not behind:
            return Decision(reason="not directly behind a convolution or Dense layer")
        return Decision(Place(tuple(KIND[state] for state in arrived), self._next(node) is None))

    def _next(self, node: Any) -> Any:
        """Return the layer that rounds the output of this one; None if it does so itself."""
        layer, readers = node.operation, self.readers.get(id(node.outputs[0]), [])
        if len(readers) != 1 or readers[0] is None or self.calls[id(readers[0].operation)] > 1:
            return None
        reader = readers[0].operation
        if id(reader) not in self.twins:
            return None
        product = issubclass(self.twins[id(layer)], Product)
        linear = not product or name_of(layer.activation) == "linear"
        if isinstance(reader, layers.BatchNormalization):
            return reader if product and linear else None
        if isinstance(reader, layers.ReLU) or _is_relu(reader):
            fuses = product or isinstance(layer, layers.Add | layers.BatchNormalization)
            return reader if fuses and linear else None
        if isinstance(reader, layers.Concatenate):
            return reader if not product else None
        return None

    def _state(
        self, layer: Any, twin: type[Twin] | None, decision: Decision, arrived: Sequence[str]
    ) -> str:
        if decision.place is not None and issubclass(twin, Merge | Product):
            if not decision.place.output:
                return UNFINISHED
            rounded = issubclass(twin, Merge) or twin.rounds_output(layer)
            return INTEGER if rounded else FLOAT
        same = set(arrived)
        return same.pop() if type(layer) in TRANSPARENT and len(same) == 1 else FLOAT


def functional(model: Any) -> Any:
    """Return the functional model that a Sequential model holds, or the model itself."""
    return model._functional if isinstance(model, keras.Sequential) else model


def is_graph(layer: Any) -> bool:
    """Return whether a layer is a model with a graph."""
    return isinstance(layer, keras.Sequential | Functional)


def is_plain(layer: Any) -> bool:
    """Return whether a layer is a model that Keras saves layer by layer.

    A KerasHub backbone is not: its config has arguments of its own.
    """
    plain = isinstance(layer, Functional) and functional_like_constructor(type(layer))
    return isinstance(layer, keras.Sequential) or plain


def is_float(tensor: Any) -> bool:
    """Return whether a tensor has float values, not ids or a mask."""
    return "float" in str(tensor.dtype)


def _is_relu(layer: Any) -> bool:
    return isinstance(layer, layers.Activation) and name_of(layer.activation) == "relu"
