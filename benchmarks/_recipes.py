"""The recipes of litert-quantizer that post_training.py compares, each made of one float32 file.

    python benchmarks/_recipes.py SOURCE.tflite ROWS.npz FOLDER

Writes `FOLDER/<recipe>.tflite` and, where that fails, `FOLDER/<recipe>.error`. Weights are integers
with a scale for each channel or block, values between the layers are float, embedding tables have
8 bits: what `litert_int4` and `litert_aeq_dynamic` are.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

SIGNATURE = "serving_default"


@dataclass(frozen=True)
class Recipe:
    """How the matrices of dense layers are quantized.

    Attributes:
        bits: of a weight.
        algorithm: name in litert-quantizer's `AlgorithmName`.
        block: weights of a row that share a scale; None: all of them.
        calibrated: the algorithm reads the activations of calibration rows.
    """

    bits: int
    algorithm: str = "MIN_MAX_UNIFORM_QUANT"
    block: int | None = None
    calibrated: bool = False

    @property
    def granularity(self) -> str:
        """Return the name in litert-quantizer's `QuantGranularity`."""
        return f"BLOCKWISE_{self.block}" if self.block else "CHANNELWISE"


RECIPES = {
    "int8_min_max": Recipe(8),
    "int8_hadamard": Recipe(8, "DECOMPOSED_HADAMARD_ROTATION"),
    "int8_gptq": Recipe(8, "GPTQ", calibrated=True),
    "int8_oscar": Recipe(8, "OSCAR", calibrated=True),
    "int4_min_max": Recipe(4),
    "int4_octav": Recipe(4, "OCTAV"),
    "int4_hadamard": Recipe(4, "DECOMPOSED_HADAMARD_ROTATION"),
    "int4_gptq": Recipe(4, "GPTQ", calibrated=True),
    "int4_oscar": Recipe(4, "OSCAR", calibrated=True),
    "int4_block64": Recipe(4, block=64),
    "int4_block32": Recipe(4, block=32),
    "int4_gptq_block32": Recipe(4, "GPTQ", 32, calibrated=True),
}


def quantize(source: str, recipe: Recipe, rows: dict[str, np.ndarray]) -> bytes:
    """Return the quantized file."""
    from litert_quantizer import qtyping, quantizer
    from litert_quantizer.algorithm_manager import AlgorithmName

    op = qtyping.TFLOperationName
    plan = quantizer.Quantizer(source)
    plan.add_dynamic_config(regex=".*", operation_name=op.EMBEDDING_LOOKUP, num_bits=8)
    plan.add_dynamic_config(
        regex=".*",
        operation_name=op.FULLY_CONNECTED,
        num_bits=recipe.bits,
        granularity=qtyping.QuantGranularity[recipe.granularity],
        algorithm_key=AlgorithmName[recipe.algorithm],
    )
    statistics = _statistics(source, plan, rows) if recipe.calibrated else None
    result = plan.quantize(statistics, enable_progress_bar=False, enable_progress_report=False)
    return bytes(result.quantized_model)


def _statistics(source: str, plan, rows: dict[str, np.ndarray]):
    """Return what the recipe's algorithm collects from the calibration rows.

    Not by `plan.calibrate`, which skips OSCAR: it takes only GPTQ and static recipes to need rows.
    """
    from litert_quantizer import calibrator, recipe_manager

    count = len(next(iter(rows.values())))
    single = [{name: column[i : i + 1] for name, column in rows.items()} for i in range(count)]
    manager = recipe_manager.RecipeManager()
    manager.load_quantization_recipe(plan.get_quantization_recipe())
    mode = calibrator.CalibrationMode.CALIBRATION_PRESERVE_ALL_TENSORS
    observer = calibrator.Calibrator(source, num_threads=1, mode=mode)
    observer.calibrate({SIGNATURE: single}, manager)
    return observer.get_model_qsvs()


def main():
    source, rows, folder = sys.argv[1:]
    with np.load(rows, allow_pickle=False) as arrays:
        columns = {name: arrays[name] for name in arrays.files}
    for name, recipe in RECIPES.items():
        path = Path(folder) / f"{name}.tflite"
        try:
            path.write_bytes(quantize(source, recipe, columns))
        except Exception as error:
            path.with_suffix(".error").write_text(f"{type(error).__name__}: {error}")
        print(name, path.exists(), flush=True)


if __name__ == "__main__":
    main()
