"""PyTorch to ONNX Runtime: requirements.txt."""

import numpy as np


def convert(model, folder):
    import onnx
    import torch
    from onnxruntime.quantization import QuantType, quantize_dynamic
    from onnxruntime.quantization.matmul_nbits_quantizer import MatMulNBitsQuantizer
    from onnxruntime.transformers.optimizer import optimize_model

    ones = torch.ones((1, 64), dtype=torch.int64)
    names, raw, path = ["ids", "mask"], f"{folder}/raw.onnx", f"{folder}/float32.onnx"
    axes = {name: {0: "batch", 1: "length"} for name in names}
    torch.onnx.export(model, (ones, ones), raw, input_names=names, dynamic_axes=axes, dynamo=False)
    optimize_model(raw, "bert", num_heads=12, hidden_size=384).save_model_to_file(path)
    options = {"DefaultTensorType": onnx.TensorProto.FLOAT}  # of fused operators
    settings = {"weight_type": QuantType.QInt8, "per_channel": True, "extra_options": options}
    quantize_dynamic(path, f"{folder}/dynamic_int8.onnx", **settings)
    table, settings["op_types_to_quantize"] = f"{folder}/table.onnx", ["EmbedLayerNormalization"]
    quantize_dynamic(path, table, **settings)  # an 8-bit embedding for the 4-bit matrices
    small = MatMulNBitsQuantizer(onnx.load(table), block_size=32, accuracy_level=4)
    small.process()
    small.model.save_model_to_file(f"{folder}/int4.onnx")


def load(path):
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(path, options)

    def answer(ids):
        ids = np.array([ids])
        return session.run(None, {"ids": ids, "mask": np.ones_like(ids)})[0][0]

    return answer
