"""LiteRT's `CompiledModel`: a file with its packed weights, run signature by signature."""

from __future__ import annotations

import ctypes
import functools
import math
import os
import struct
import threading
from pathlib import Path
from typing import Any

import numpy as np

from tfapps.backends._interpreter import InterpreterSession
from tfapps.backends._packed import Packed
from tfapps.backends._quiet import quiet
from tfapps.backends.base import Arrays, Signature, Tensor
from tfapps.errors import Failure

_once = threading.Lock()


class CompiledSession:
    """A compiled model and its buffers, for one caller at a time.

    Args:
        packed: where the packed weights are, or are put.

    Attributes:
        signatures: what the file can be asked.

    Raises:
        RuntimeError: `CompiledModel` does not run this file.
        ValueError: an input or output has a type that has no buffer.
    """

    def __init__(self, path: Path, threads: int, content: bytes, packed: Packed) -> None:
        from ai_edge_litert.compiled_model import CompiledModel
        from ai_edge_litert.options import CpuOptions, HardwareAccelerator, Options

        self.path, self._threads, self._content, self._packed = path, threads, content, packed
        cpu = CpuOptions(num_threads=threads, xnnpack_weight_cache_path=packed.path)
        options = Options(HardwareAccelerator.CPU, cpu)
        with quiet(at_exit=True):
            self._model = CompiledModel.from_buffer(
                content, environment=_environment(), options=options
            )
            self.signatures = {name: self._signature(name) for name in self._listed()}
            self._inputs = {name: self._buffers(name, "input") for name in self.signatures}
            self._outputs = {name: self._buffers(name, "output") for name in self.signatures}

    def _listed(self) -> dict[str, Any]:
        return self._model.get_signature_list()

    def _signature(self, name: str) -> Signature:
        inputs = self._model.get_input_tensor_details(name)
        return Signature(_tensors(inputs), _tensors(self._model.get_output_tensor_details(name)))

    def _buffers(self, signature: str, side: str) -> dict[str, Any]:
        """Return a buffer for each tensor. It is written once, so that what comes with the first
        buffer of a process is set up, and reported, when a file is opened."""
        make = getattr(self._model, f"create_{side}_buffer_by_name")
        buffers = {}
        for name, tensor in getattr(self.signatures[signature], f"{side}s").items():
            buffers[name] = make(signature, name)
            buffers[name].write(np.zeros(tensor.shape, tensor.dtype))
        return buffers

    def call(self, signature: str, arrays: Arrays) -> dict[str, np.ndarray]:
        """Run a signature.

        Raises:
            Failure: an op refused the values.
            ValueError: an input has another shape or type. A buffer would take fewer values, and
                keep those of an earlier call behind them.
        """
        inputs, outputs = self._inputs[signature], self._outputs[signature]
        for name, (shape, dtype) in self.signatures[signature].inputs.items():
            array = arrays[name]
            if array.shape != shape or array.dtype.name != dtype:
                raise ValueError(
                    f"{self.path}: {name}: got {array.shape} of {array.dtype}, expected {shape} of "
                    f"{dtype}"
                )
            inputs[name].write(array)
        try:
            self._model.run_by_name(signature, inputs, outputs)
        except RuntimeError as error:
            self._explain(signature, arrays)
            raise Failure(f"{self.path}: LiteRT stopped in the middle: {error}") from error
        tensors = self.signatures[signature].outputs
        return {
            name: buffer.read(math.prod(tensors[name].shape), tensors[name].dtype).reshape(
                tensors[name].shape
            )
            for name, buffer in outputs.items()
        }

    def _explain(self, signature: str, arrays: Arrays) -> None:
        """Raise a Failure that names the op: `CompiledModel` says no more than that it failed."""
        InterpreterSession(self.path, self._threads, self._content).call(signature, arrays)


def has_state(content: bytes) -> bool:
    """Return whether a TFLite file has tensors that keep their values between calls.

    Those of fused LSTMs do, and `CompiledModel` cannot set them to zero before a text.

    Args:
        content: of the file; of a damaged one, the answer is any.
    """
    try:
        model = _Table(content, struct.unpack_from("<I", content)[0])
        return any(
            tensor.byte(5)
            for subgraph in model.tables(2)  # Model.subgraphs
            for tensor in subgraph.tables(0)  # SubGraph.tensors; Tensor.is_variable is field 5
        )
    except (struct.error, IndexError):
        return False


def has_constant_outputs(content: bytes) -> bool:
    """Return whether an output of a TFLite file is a constant, an empty cache for one.

    `CompiledModel` loses all but one of the names that share a constant.

    Args:
        content: of the file; of a damaged one, the answer is any.
    """
    try:
        model = _Table(content, struct.unpack_from("<I", content)[0])
        graphs, buffers = model.tables(2), model.tables(4)
        for signature in model.tables(7):
            tensors = graphs[signature.number(4)].tables(0)
            for output in signature.tables(1):
                buffer = buffers[tensors[output.number(1)].number(2)]
                if buffer.has(0) or buffer.number(1) > 1:  # in the flatbuffer, or behind it
                    return True
        return False
    except (struct.error, IndexError):
        return False


class _Table:
    """A table of a flatbuffer, read in place: the package that reads them is slow to import."""

    def __init__(self, content: bytes, at: int) -> None:
        self._content, self._at = content, at
        self._fields = at - self._read("<i", at)

    def _read(self, kind: str, at: int) -> int:
        if at < 0:
            raise IndexError(at)
        return struct.unpack_from(kind, self._content, at)[0]

    def _place(self, field: int) -> int:
        """Return where a field is; 0 if the table has none."""
        slot = 4 + 2 * field
        if slot >= self._read("<H", self._fields):
            return 0
        offset = self._read("<H", self._fields + slot)
        return self._at + offset if offset else 0

    def byte(self, field: int) -> int:
        """Return a field of one byte."""
        place = self._place(field)
        return self._content[place] if place else 0

    def number(self, field: int) -> int:
        """Return a field of four bytes, and the lower half of one of eight."""
        place = self._place(field)
        return self._read("<I", place) if place else 0

    def has(self, field: int) -> bool:
        """Return whether a field that is a list is there and has entries."""
        place = self._place(field)
        return bool(place) and self._read("<I", place + self._read("<I", place)) > 0

    def tables(self, field: int) -> list[_Table]:
        """Return a field that is a list of tables."""
        place = self._place(field)
        if not place:
            return []
        start = place + self._read("<I", place)
        entries = range(start + 4, start + 4 + 4 * self._read("<I", start), 4)
        return [_Table(self._content, entry + self._read("<I", entry)) for entry in entries]


def _environment() -> Any:
    with _once:
        return _make_environment()


@functools.cache
def _make_environment() -> Any:
    """Return LiteRT's environment, one for the process. It looks for no accelerators: a GPU's or a
    vendor's library would be loaded for nothing, as files run on the CPU."""
    from ai_edge_litert.environment import Environment, EnvironmentOptions

    nowhere = os.path.dirname(__file__)
    environment = Environment.create(
        options=EnvironmentOptions(
            runtime_path=nowhere, compiler_plugin_path=nowhere, dispatch_library_path=nowhere
        )
    )
    # It is never destroyed: it would report that, on standard error, while Python ends.
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(environment))
    return environment


def _tensors(details: dict[str, Any]) -> dict[str, Tensor]:
    return {
        name: Tensor(tuple(int(n) for n in detail["shape"]), np.dtype(detail["dtype"]).name)
        for name, detail in details.items()
    }
