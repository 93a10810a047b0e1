"""The peers of inference.py: PyTorch or ONNX Runtime, a server that answers a text for every line.

Runs in the environment of requirements.txt; argv[1] is a JSON object of settings. The ONNX files
are made of the PyTorch model, so all have the same weights. Prints a JSON line for every answer.
"""

import json
import sys
import time
from pathlib import Path

import numpy as np


def torch_model(settings, arrays):
    import torch
    from _torch_peer import Classifier

    model = Classifier(settings["folder"], settings["classes"], 0.0)
    with torch.no_grad():
        model.head.weight.copy_(torch.from_numpy(arrays["kernel"].T))
        model.head.bias.zero_()
    return model.eval()


def by_torch(settings, arrays):
    import torch

    torch.set_num_threads(settings["threads"])
    model = torch_model(settings, arrays)
    if settings["precision"] == "int8":
        model = torch.ao.quantization.quantize_dynamic(model, {torch.nn.Linear}, torch.qint8)
    ids, mask = (torch.from_numpy(arrays[key].astype("int64")) for key in ("ids", "mask"))

    @torch.inference_mode()
    def answer():
        return model(ids, mask).numpy()

    return answer, {"torch": torch.__version__}


def onnx_file(settings, arrays):
    """Return the model as ONNX, its sizes open; and its linear layers in 8 bits."""
    path = Path(settings["work"]) / "float32.onnx"
    if not path.exists():
        import torch

        ids, mask = (torch.from_numpy(arrays[key].astype("int64")) for key in ("ids", "mask"))
        axes = {0: "batch", 1: "length"}
        torch.onnx.export(
            torch_model(settings, arrays),
            (ids, mask),
            path,
            input_names=["ids", "mask"],
            output_names=["logits"],
            dynamic_axes={"ids": axes, "mask": axes},
            dynamo=False,
            opset_version=17,
        )
    if settings["precision"] == "float32":
        return path
    small = path.with_name("int8.onnx")
    if not small.exists():
        from onnxruntime.quantization import QuantType, quantize_dynamic

        quantize_dynamic(path, small, weight_type=QuantType.QInt8, per_channel=True)
    return small


def by_onnx(settings, arrays):
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = settings["threads"]
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    session = onnxruntime.InferenceSession(
        str(onnx_file(settings, arrays)), options, providers=["CPUExecutionProvider"]
    )
    inputs = {key: arrays[key].astype("int64") for key in ("ids", "mask")}
    return lambda: session.run(None, inputs)[0], {"onnxruntime": onnxruntime.__version__}


def main():
    settings = json.loads(sys.argv[1])
    arrays = np.load(settings["data"])
    answer, versions = {"torch": by_torch, "onnx": by_onnx}[settings["engine"]](settings, arrays)
    print(json.dumps(versions), flush=True)
    for _ in sys.stdin:
        cpu, wall = time.process_time(), time.perf_counter()
        logits = answer()
        spent = {"cpu": time.process_time() - cpu, "wall": time.perf_counter() - wall}
        print(json.dumps({**spent, "logits": logits[0].tolist()}), flush=True)


if __name__ == "__main__":
    main()
