"""Tables of what formats, tuners, many GPUs, tests and extras cost."""

from __future__ import annotations

from benchmarks import scaling
from tools.tables.markdown import percent, read, table

FORMS = {
    "float32": "float32",
    "naive_int8": "int8 by the converter's defaults: everything integer",
    "calibrated_int8": (
        "`litert_int8` without `qat`: calibrated, integer matrix products, the rest float"
    ),
    "all_int8": "`litert_int8` of `qat` with `activations: all`: everything integer",
    "products_int8": "`litert_int8` of `qat`: integer products, each surrounded by float operators",
    "int4": "`litert_int4`: 4-bit weights, inputs of products quantized at run time",
}
LSTM_FORMS = {
    "float32": "`litert_float32`: a fused op for each direction",
    "dynamic": "`litert_dynamic`: the fused ops with int8 weights",
    "fused_int8": "the fused ops in integers, gates included",
    "loop_int8": "`litert_int8`: integer products, float gates, a loop",
    "unrolled_int8": "the same without a loop, every step by itself",
}
TUNERS = {
    "full": "all weights trained",
    "adalora": "`adalora`, starting with half as many ranks more",
}

EXTRAS = {
    "": (
        "`predict`, `benchmark` and `compare` with LiteRT files, `init` and `list`; no TensorFlow"
    ),
    "[train]": (
        "`run` and all other commands: TensorFlow, Keras, compression, export, metrics and pictures"
    ),
    "[train,text]": "KerasHub presets, TFDS data sets, Parquet, Zstandard and ONNX files",
    "[train,search]": "`tune`, by Optuna",
    "[beam]": "`predict --runner beam`, by Apache Beam",
    "[all]": "all of these",
}


def formats() -> str:
    """Return the table of one BERT in several integer formats."""
    rows = [
        (
            FORMS[name],
            str(figures["partitions"]),
            f"{figures['bytes'] / 1e6:.1f}",
            f"{figures['p50_ms']:.1f}",
            f"{figures['cpu_ms']:.1f}",
        )
        for name, figures in read("edge_forms")["forms"].items()
    ]
    return table(("form", "partitions:", "MB:", "p50 ms:", "CPU ms:"), rows)


def lstms() -> str:
    """Return the table of one BiLSTM classifier in several forms."""
    rows = [
        (
            LSTM_FORMS[name],
            str(figures["operators"]),
            f"{figures['bytes'] / 1e6:.2f}",
            f"{figures['cpu_ms']:.2f}",
        )
        for name, figures in read("lstm_files")["forms"].items()
    ]
    return table(("form", "operators outside loops:", "MB:", "CPU ms:"), rows)


def tuners() -> str:
    """Return the table of what each tuner trains and takes."""
    rows = []
    for figures in read("tuners")["runs"].values():
        full = figures["share"] == 1
        rows.append(
            (
                TUNERS.get(figures["tuner"], f"`{figures['tuner']}`"),
                f"{figures['trained']:,}" + ("" if full else f" ({percent(figures['share'])})"),
                f"{figures['cpu_seconds']:.2f} s" if full else percent(figures["cpu"]["ratio"], 0),
                f"{figures['bytes'] / 1e6:.2f}",
            )
        )
    titles = ("cost of tuners", "trained weights:", "step, CPU time:", "weights on disk (MB):")
    return table(titles, rows)


def gpus() -> str:
    """Return the model of many GPUs, which nobody measured."""
    options = scaling.arguments([])
    return table(scaling.TITLES, scaling.rows(options))


def tests() -> str:
    """Return the table of what the tests take."""
    rows = []
    for group, seconds in read("test_seconds")["seconds"].items():
        parts = (str(n) if name == "all" else f"{name} {n}" for name, n in seconds.items())
        rows.append((group, ", ".join(parts)))
    return table(("group", "CPU seconds"), rows)


def extras() -> str:
    """Return the table of what each extra adds, and takes on disk."""
    rows = []
    for extra, size in read("install_sizes")["megabytes"].items():
        package = f'"tfapps{extra}"' if extra else "tfapps"
        rows.append((f"`pip install {package}`", EXTRAS[extra], f"{size:,} MB"))
    return table(("command", "what it adds", "installed size:"), rows)


TABLES = {
    "formats": formats,
    "lstms": lstms,
    "tuners": tuners,
    "gpus": gpus,
    "tests": tests,
    "extras": extras,
}
