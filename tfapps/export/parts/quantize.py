"""The child's side of the edge_quantizer exporter: float32 .tflite -> quantized .tflite.

litert-quantizer reports its progress on both output streams and has a runtime of its own, so it
never runs inside the caller's process.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

# Bits of the matrices, bits of the embedding tables.
BITS = {"int4": (4, 8), "int4e": (4, 4), "aeq_dynamic": (8, 8), "aeq_int8": (8, 8)}


def quantize(source: str, kind: str, target: str, calibration: str | None = None) -> None:
    """Quantize matrices and tables, min-max and symmetric, with a scale per channel or row."""
    from litert_quantizer import qtyping, quantizer

    matrices, tables = BITS[kind]
    op = qtyping.TFLOperationName
    plan = quantizer.Quantizer(source)
    plan.add_dynamic_config(regex=".*", operation_name=op.EMBEDDING_LOOKUP, num_bits=tables)
    ranges = None
    if kind == "aeq_int8":
        if calibration is None:
            raise ValueError(f"{kind} needs calibration data")
        plan.add_static_config(
            regex=".*",
            operation_name=op.FULLY_CONNECTED,
            activation_num_bits=8,
            weight_num_bits=matrices,
        )
        ranges = _ranges(source, plan.get_quantization_recipe(), calibration)
    else:
        plan.add_dynamic_config(regex=".*", operation_name=op.FULLY_CONNECTED, num_bits=matrices)
    result = plan.quantize(ranges, enable_progress_bar=False, enable_progress_report=False)
    Path(target).write_bytes(result.quantized_model)


def _ranges(source: str, recipe: Any, calibration: str) -> dict[str, Any]:
    """Return the smallest and largest value of every activation over the calibration rows.

    The quantizer's own default is a moving average of both, which cuts off what is rare.
    """
    import numpy as np
    from litert_quantizer import calibrator, recipe_manager
    from litert_quantizer.utils import qsv_utils

    with np.load(calibration, allow_pickle=False) as arrays:
        columns = {name: arrays[name] for name in arrays.files}
    count = len(next(iter(columns.values())))
    rows = [{name: column[i : i + 1] for name, column in columns.items()} for i in range(count)]
    manager = recipe_manager.RecipeManager()
    manager.load_quantization_recipe(recipe)
    observer = calibrator.Calibrator(
        source, num_threads=1, qsv_update_func=qsv_utils.min_max_update
    )
    observer.calibrate({"serving_default": rows}, manager)
    return observer.get_model_qsvs()
