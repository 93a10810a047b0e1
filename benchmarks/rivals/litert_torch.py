"""PyTorch to LiteRT by litert-torch and litert-quantizer: requirements-litert-torch.txt."""

import numpy as np

LENGTH = 64


def convert(model, folder):
    import litert_torch
    import torch
    from litert_quantizer import quantizer, recipe

    sample = [torch.ones((1, LENGTH), dtype=torch.int32) for _ in range(2)]
    litert_torch.convert(model, tuple(sample)).export(f"{folder}/float32.tflite")
    recipes = {"dynamic_int8": recipe.dynamic_wi8_afp32(), "int4": recipe.dynamic_wi4_afp32()}
    for name, plan in recipes.items():
        quantized = quantizer.Quantizer(f"{folder}/float32.tflite", plan).quantize()
        quantized.export_model(f"{folder}/{name}.tflite")


def load(path):
    from ai_edge_litert.interpreter import Interpreter

    run = Interpreter(path, num_threads=1).get_signature_runner()

    def answer(ids):
        padded = np.zeros((2, 1, LENGTH), np.int32)
        padded[0, 0, : len(ids)], padded[1, 0, : len(ids)] = ids, 1
        return next(iter(run(args_0=padded[0], args_1=padded[1]).values()))[0]

    return answer
