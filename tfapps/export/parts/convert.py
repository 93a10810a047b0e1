"""The child's side of the LiteRT exporter: SavedModel -> .tflite.

The converter crashes on some graphs (calibration of a WHILE loop, for one) and talks on both
output streams, so it never runs inside the caller's process.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

ELEMENTWISE = ("MEAN", "SQUARED_DIFFERENCE", "RSQRT", "SUB", "MUL", "ADD", "SOFTMAX", "GELU")
ELEMENTWISE += ("SUM", "DIV", "MAXIMUM", "LOGISTIC", "TANH")


def convert(
    source: str, kind: str, target: str, calibration: str | None = None, mixed: str = ""
) -> None:
    """Convert all signatures with built-in ops only; calibrate `serving_default` alone.

    Args:
        source: folder of a SavedModel.
        kind: float32, float16, sparse (float32, zeros left out), dynamic, int8 (calibrated), or
            trained_int8, which takes the ranges from the fake quantization in the graph.
        target: the file to write.
        calibration: .npz of {input: (rows, max_length)}, for int8.
        mixed: not empty keeps all but the matrix products of int8 in float.
    """
    import numpy as np
    import tensorflow as tf

    converter = tf.lite.TFLiteConverter.from_saved_model(source)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
    if kind == "sparse":
        converter.optimizations = [tf.lite.Optimize.EXPERIMENTAL_SPARSITY]
    elif kind != "float32":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    # A loop writes a row of its output in place, not by putting all rows together anew.
    converter._experimental_enable_dynamic_update_slice = True
    if kind == "float16":
        converter.target_spec.supported_types = [tf.float16]
    if kind == "int8":
        if calibration is None:
            raise ValueError("int8 needs calibration data")
        with np.load(calibration, allow_pickle=False) as arrays:
            columns = {name: arrays[name] for name in arrays.files}
        rows = len(next(iter(columns.values())))

        def batches() -> Iterator[dict[str, np.ndarray]]:
            for i in range(rows):
                yield {name: column[i : i + 1] for name, column in columns.items()}

        converter.representative_dataset = batches
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        if mixed:
            converter.target_spec.supported_ops.append(tf.lite.OpsSet.TFLITE_BUILTINS)
            options = tf.lite.experimental.QuantizationDebugOptions(
                denylisted_ops=list(ELEMENTWISE)
            )
            debugger = tf.lite.experimental.QuantizationDebugger(
                converter=converter, debug_dataset=batches, debug_options=options
            )
            Path(target).write_bytes(debugger.get_nondebug_quantized_model())
            return
    Path(target).write_bytes(converter.convert())
