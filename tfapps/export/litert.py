"""LiteRT files for the edge: static (1, max_length), built-in ops only, converted in a child."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from tfapps.backends.base import SHORT
from tfapps.errors import Failure, InputError
from tfapps.export import base
from tfapps.export.parts import module

ARTIFACTS = ("litert_float32", "litert_float16", "litert_sparse", "litert_dynamic", "litert_int8")
# What needs no look at the values that go through a decoder's step, unless training had one.
OF_STEPS = ("litert_float32", "litert_float16", "litert_dynamic", "litert_int8")
# What may have signatures of shorter lengths: no ranges are read off or written into it.
OF_LENGTHS = ("litert_float32", "litert_float16", "litert_dynamic")
ROWS = 200  # calibration rows: more moves the ranges no further and costs time


def export(
    names: Sequence[str],
    *,
    rebuild: Callable[[int | None, int | None], Any],
    max_length: int,
    calibration: Sequence[Mapping[str, np.ndarray]] = (),
    split: module.Split = module.serving_signature,
    lengths: Sequence[int] = (),
    folder: Path,
) -> None:
    """Write `folder/litert/<kind>.tflite` for each of `names`.

    `litert_float16` has float16 weights and computes in float32; `litert_sparse` keeps of a pruned
    matrix what is not zero, and where that is; `litert_dynamic` has int8 weights and float
    activations, `litert_int8` integers throughout (int32 ids in, float32 logits out), its ranges
    read off the calibration batches; in a model with attention only the matrix products are
    integers, because the rest would ruin it, and in one with LSTMs of ours, because the rest would
    slow it down. A model trained with quantizers brings its ranges along; its float files have
    rounded weights and leave activations as they are.

    Args:
        names: artefacts asked for, of `ARTIFACTS`.
        rebuild: (batch_size, length) -> functional model with the trained weights.
        max_length: the static length.
        calibration: batches of features (b, t), for `litert_int8`.
        split: model -> {signature: model}, its parts that a file holds.
        lengths: further ones, below `max_length`; files of `OF_LENGTHS` have a signature for each,
            `short_<length>`, and all weights once.
        folder: the bundle being written.

    Raises:
        InputError: `litert_int8` without calibration batches or trained ranges.
        Failure: the converter failed or crashed, or the file needs more than built-in ops.
    """
    kinds = [name for name in ARTIFACTS if name in names]
    target, integer = Path(folder) / "litert", "litert_int8"
    batches = _batches(kinds, calibration, lambda: rebuild(1, max_length))
    with tempfile.TemporaryDirectory(prefix="tfapps_export_") as temporary:
        forms: dict[str, Form] = {}
        for name in kinds:
            kind, rows = name.removeprefix("litert_"), None
            several = lengths if name in OF_LENGTHS else ()
            key = f"{'integer' if kind == 'int8' else 'float'}_{len(several)}"
            if key not in forms:
                models = {length: rebuild(1, length) for length in (max_length, *several)}
                if batches and name == integer:
                    models[max_length], rows = _calibrated(models[max_length], rebuild, batches)
                forms[key] = _save(models, split, Path(temporary) / key, name == integer, rows)
            target.mkdir(parents=True, exist_ok=True)
            _write(forms[key], kind, target / f"{kind}.tflite", rows)


def _calibrated(
    model: Any,
    rebuild: Callable[[int | None, int | None], Any],
    batches: Sequence[Mapping[str, np.ndarray]],
) -> tuple[Any, dict[str, np.ndarray]]:
    """Return the model, with ranges if the converter cannot find them, and calibration rows."""
    from tfapps.export.parts import ranges

    rows = calibration_rows(batches, {tensor.name: tensor.shape for tensor in model.inputs})
    return ranges.of_lstms(model, rebuild, rows), rows


class Form(NamedTuple):
    """A SavedModel that files are converted from.

    Attributes:
        products_only: it has attention or loops, of which only the matrix products may be
            calibrated to integers.
        trained: ranges of its activations were trained and stand in the graph.
    """

    saved: Path
    products_only: bool = False
    trained: bool = False


def _save(
    models: Mapping[int, Any],
    split: module.Split,
    saved: Path,
    integer: bool,
    rows: Mapping[str, np.ndarray] | None,
) -> Form:
    """Save in the form for integers, or in that for floats.

    Args:
        models: by length, the longest first.
        rows: of the calibration; None if the model has trained ranges.
    """
    from tfapps.export.parts import attention as attentions
    from tfapps.export.parts import integers, loops
    from tfapps.export.parts import lstm as lstms
    from tfapps.forms.parts import greedy_graph, tags_graph

    form, (model, *shorter), written_out = Form(saved), models.values(), []
    if integer and not needs_calibration(model):
        integers.integers(model)
        form = form._replace(trained=True)
    else:
        for each in (model, *shorter):
            integers.bake(each)
            if rows:
                softened = attentions.soften_masks(each) > 0
                form = form._replace(products_only=softened or attentions.is_stock(each))
                loops.unroll(each, written_out)
            lstms.fuse(each, rows)
    graphs = dict(split(model))
    # The search around a step does more, in a smaller file.
    graphs.pop(greedy_graph.SIGNATURE, None)
    if integer:
        graphs.pop(tags_graph.SIGNATURE, None)  # one signature alone can be calibrated
    graphs |= {f"{SHORT}{length}": models[length] for length in list(models)[1:]}
    written_out.clear()  # of those that were traced for the ranges of fused ones
    module.save(graphs, saved)
    return form._replace(products_only=form.products_only or bool(written_out))


def _write(form: Form, kind: str, target: Path, rows: Mapping[str, np.ndarray] | None) -> None:
    from tfapps.export.parts import embedding

    if kind != "int8":
        convert(form.saved, kind, target)
    elif form.trained:
        convert(form.saved, "trained_int8", target)
        target.write_bytes(embedding.integer_tables(target.read_bytes()))
    else:
        convert(form.saved, kind, target, rows, float_elementwise=form.products_only)


def needs_calibration(model: Any) -> bool:
    """Return whether `litert_int8` of a model needs rows: its ranges were not trained.

    The fused LSTM takes no ranges from the graph: it always has to be calibrated.
    """
    from tfapps.export.parts import integers
    from tfapps.export.parts import lstm as lstms

    fused = any(not getattr(lstm, "quantize_products", False) for lstm in lstms.layers(model))
    return fused or not integers.rounds_activations(model)


def _batches(
    kinds: Sequence[str],
    calibration: Sequence[Mapping[str, np.ndarray]],
    model: Callable[[], Any],
) -> list[Mapping[str, np.ndarray]]:
    """Return the batches for `litert_int8`, none if it is not of `kinds` or has trained ranges."""
    integer = "litert_int8"
    if integer not in kinds or not (_has_rows(calibration) or needs_calibration(model())):
        return []
    return calibration_batches(integer, calibration)


def calibration_batches(
    artifact: str, calibration: Sequence[Mapping[str, np.ndarray]]
) -> list[Mapping[str, np.ndarray]]:
    """Return the batches that have rows.

    Args:
        artifact: the one that needs them, for the message.

    Raises:
        InputError: there is no row.
    """
    if not _has_rows(calibration):
        raise InputError(
            f"{artifact} needs calibration batches, got none; train on data that has examples"
        )
    return [batch for batch in calibration if len(next(iter(batch.values())))]


def _has_rows(calibration: Sequence[Mapping[str, np.ndarray]]) -> bool:
    return any(len(next(iter(batch.values()))) for batch in calibration)


def calibration_rows(
    batches: Sequence[Mapping[str, np.ndarray]], shapes: Mapping[str, Sequence[int]]
) -> dict[str, np.ndarray]:
    """Return the first `ROWS` rows of batches (b, t) as {input: (rows, length)}.

    Args:
        shapes: of the model's inputs, (1, length, ...), to which rows are padded or cut.
    """
    from tfapps.features import padding
    from tfapps.features.feature import Feature

    rows = {}
    for name in batches[0]:
        columns, (_, *shape) = [np.asarray(batch[name]) for batch in batches], shapes[name]
        if shape:
            feature = Feature(name, columns[0].dtype.name, (None, *shape[1:]), shape[0])
            columns = [padding.pad([feature], {name: c}, full=True)[name] for c in columns]
        rows[name] = np.concatenate(columns)[:ROWS]
    return rows


def convert(
    source: Path,
    kind: str,
    target: Path,
    rows: Mapping[str, np.ndarray] | None = None,
    *,
    float_elementwise: bool = False,
) -> None:
    """Convert a SavedModel with a static `serving_default` to `target`, in a child process.

    `float_elementwise` keeps all but the matrix products of an int8 file in float: the residual
    stream of a transformer has outliers that leave a single integer scale no bits.

    Raises:
        Failure: the child failed or crashed, or the result is no pure built-in graph.
    """
    from tfapps.export.parts import child, outputs
    from tfapps.export.parts import lstm as lstms

    target = Path(target)
    with tempfile.TemporaryDirectory(prefix="tfapps_convert_") as temporary:
        output = Path(temporary) / target.name
        arguments = [str(source), kind, str(output)]
        if rows is not None:
            np.savez(Path(temporary) / "calibration.npz", **rows)
            arguments.append(str(Path(temporary) / "calibration.npz"))
            arguments += ["float_elementwise"] * float_elementwise
        content = child.run("convert.convert", arguments, output, f"litert_{target.stem}")
    foreign = foreign_ops(content)
    if foreign:
        raise Failure(
            f"litert_{target.stem} needs ops that LiteRT does not have built in: "
            f"{', '.join(foreign)}; rewrite the layer that makes them"
        )
    target.write_bytes(outputs.separate_constants(lstms.unclip(content)))


def foreign_ops(content: bytes) -> list[str]:
    """Return the names of the custom ops (Flex included) in a .tflite file, subgraphs included.

    Raises:
        Failure: the bytes are not a TFLite model.
    """
    from ai_edge_litert import schema_py_generated as schema

    if content[4:8] != b"TFL3":
        raise Failure("the converter's output is not a TFLite file")
    model = schema.Model.GetRootAs(content, 0)
    codes = (model.OperatorCodes(i) for i in range(model.OperatorCodesLength()))
    return sorted(
        code.CustomCode().decode()
        for code in codes
        if code.BuiltinCode() == schema.BuiltinOperator.CUSTOM
    )


class Exporter(base.Exporter):
    """What other packages ask of this file."""

    artifacts, of_steps, of_lengths = ARTIFACTS, OF_STEPS, OF_LENGTHS
    adds_probabilities = True
    export = staticmethod(export)
