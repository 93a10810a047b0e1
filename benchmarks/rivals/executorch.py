"""PyTorch to ExecuTorch with XNNPACK: requirements-executorch.txt."""

import copy

LENGTH = 64


def convert(model, folder):
    import torch
    from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner
    from executorch.exir import to_edge_transform_and_lower
    from torchao.quantization import quantize_
    from torchao.quantization.granularity import PerAxis
    from torchao.quantization.quant_api import Int8DynamicActivationIntxWeightConfig

    sample = tuple(torch.ones((1, LENGTH), dtype=torch.int64) for _ in range(2))
    matrices = {"float32": None, "dynamic_int8": torch.int8, "int4": torch.int4}
    for name, dtype in matrices.items():
        quantized = copy.deepcopy(model)
        if dtype is not None:
            quantize_(quantized, Int8DynamicActivationIntxWeightConfig(dtype, PerAxis(0)))
        exported = torch.export.export(quantized, sample)
        lowered = to_edge_transform_and_lower(exported, partitioner=[XnnpackPartitioner()])
        lowered.to_executorch().save(f"{folder}/{name}.pte")


def load(path):
    import torch
    from executorch.runtime import Runtime

    torch.set_num_threads(1)
    method = Runtime.get().load_program(path).load_method("forward")

    def answer(ids):
        padded = torch.zeros((2, 1, LENGTH), dtype=torch.int64)
        padded[0, 0, : len(ids)], padded[1, 0, : len(ids)] = torch.tensor(ids), 1
        return method.execute([padded[0], padded[1]])[0][0].numpy()

    return answer
