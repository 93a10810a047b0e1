"""Prune, cluster, export and verify any functional or Sequential Keras 3 model.

The model may have layers of Keras, of KerasHub or of your own; you compile and fit it yourself.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from tfapps import extras, keras_backend

if TYPE_CHECKING:
    from pathlib import Path

    import keras

    from tfapps.edge.reports import FileReport


def prune(
    model: keras.Model,
    sparsity: float = 0.8,
    *,
    steps: int | None = None,
    schedule: str = "polynomial",
    initial_sparsity: float = 0.0,
    power: float = 3.0,
    begin: float = 0.0,
    end: float = 0.6,
    frequency: int = 20,
    block: tuple[int, int] | None = None,
    m_by_n: tuple[int, int] | None = None,
    include: Sequence[str] | None = None,
    exclude: Sequence[str] = (),
) -> keras.callbacks.Callback:
    """Prune the smallest weights of a model while `fit` trains it, as the tfmot toolkit does.

    Masks are constraints of the weights: they hold in later fits too, with nothing to strip.

    Args:
        model: functional or Sequential; changed in place.
        sparsity: share of zeros in each pruned weight at the end.
        steps: optimizer steps of the fit; None takes them from `fit`; 0 prunes at once.
        schedule: "polynomial" prunes more and more, "constant" all at `begin`.
        initial_sparsity, power: where "polynomial" begins, and its exponent.
        begin, end: fractions of the steps between which the masks change.
        frequency: steps between updates of the masks.
        block: rows and columns that are pruned together, (4, 1) for one.
        m_by_n: in place of a sparsity: (2, 4) makes zeros of 2 in every 4 inputs of an output.
        include: patterns of weight paths; None takes all kernels but depthwise ones.
        exclude: patterns of weight paths that stay unchanged.

    Returns:
        The callback for `fit`. It adds `sparsity` to the logs; its `report()` counts the zeros.

    Raises:
        InputError: the model is of another kind, or a value or pattern is wrong.

    Example:
        >>> model.fit(x, y, epochs=10, callbacks=[tfapps.prune(model, 0.8)])
    """
    options = {"sparsity": None if m_by_n else sparsity, "m_by_n": m_by_n, "schedule": schedule}
    options |= {"initial_sparsity": initial_sparsity, "power": power, "begin": begin, "end": end}
    options |= {"frequency": frequency, "block": block, "include": include, "exclude": exclude}
    keras_backend.configure()
    with extras.explained():
        from tfapps.edge import sparse

        return sparse.pruner(model, steps, **options)


def cluster(
    model: keras.Model,
    clusters: int = 32,
    *,
    include: Sequence[str] | None = None,
    exclude: Sequence[str] = (),
) -> dict[str, float]:
    """Cluster the weights of a model: each kernel keeps only a few distinct values.

    Every weight moves to the nearest centroid of k-means. Later fits move the centroids and keep
    the clusters, by constraints: there is nothing to strip. Zeros from `prune` stay zeros.

    Args:
        model: functional or Sequential; changed in place.
        clusters: distinct values of each kernel.
        include: patterns of weight paths; None takes every kernel but those of depthwise
            convolutions.
        exclude: patterns of weight paths that stay unchanged.

    Returns:
        `distinct`, the most distinct values of a kernel, and `bytes` and `gzip_bytes` of the
        clustered kernels.

    Raises:
        InputError: the model is of another kind, or a value or pattern is wrong.

    Example:
        >>> tfapps.cluster(model, 16)
        >>> model.fit(x, y)
    """
    keras_backend.configure()
    with extras.explained():
        from tfapps.edge import sparse

        return sparse.clustered(model, clusters, include, exclude)


def export_litert(
    model: keras.Model,
    path: str | os.PathLike,
    kinds: Sequence[str] = ("float32", "dynamic"),
    calibration: Any = None,
    length: int | None = None,
) -> dict[str, Path]:
    """Write a model as LiteRT (TFLite) files with built-in ops only.

    A file takes one row (batch 1) of static shape. Inputs have the names of the model's, or
    `input_0`, ... without; outputs the keys of a dictionary, else `output_0`, ...

    - `float32`: as exact as the model.
    - `float16`: weights of half the size, computed in float32.
    - `dynamic`: weights in 8 bits, activations in float.
    - `int8`: weights and activations in 8 bits; inputs and outputs of the file are float.
    - `int4`: matrices in 4 bits, embedding tables in 8, activations in float.

    Args:
        model: functional or Sequential.
        path: a folder, in which each kind is `<kind>.tflite`; or a `.tflite` file for one kind.
        kinds: which of the kinds.
        calibration: rows as for `model.predict`, of which the first 200 are used: `int8` reads the
            ranges of activations off them, unless `tfapps.quantize` trained them (not of LSTMs).
        length: what open axes become, the number of tokens for one.

    Returns:
        The file of each kind.

    Raises:
        InputError: the model, a kind or the calibration is not as expected.
        Failure: an op is not built in, or the converter failed.

    Example:
        >>> tfapps.export_litert(model, "files", ["float32", "int8"], calibration=x[:200])
        {'float32': PosixPath('files/float32.tflite'), 'int8': PosixPath('files/int8.tflite')}
    """
    keras_backend.configure()
    with extras.explained():
        from tfapps.edge import files

        return files.export(model, path, kinds, calibration, length)


def verify_litert(
    model: keras.Model,
    path: str | os.PathLike,
    inputs: Any,
    targets: Any = None,
    metric: str | Callable[[Any, Any], float] | keras.metrics.Metric | None = None,
) -> dict[str, FileReport]:
    """Compare LiteRT files with their model on real rows; print the result as a table.

    Args:
        model: which the files were made of.
        path: a folder with `.tflite` files, or one file.
        inputs: rows as for `model.predict`.
        targets: of these rows; for a model with several outputs a dictionary or list of them.
        metric: "accuracy" (the default with targets), "mae", a metric of `keras.metrics`, or a
            function of targets and outputs.

    Returns:
        By name of the file (without `.tflite`): `largest_difference`, `relative_difference`,
        `agreement` (share of rows with the same largest entry), `metric` and its `drop` against
        the model, `partitions` of the XNNPACK delegate, `bytes`, `p50_ms` (latency of one row on
        one thread), and `outputs`, the same figures for each output.

    Raises:
        InputError: a missing or foreign file, or rows or targets that do not fit.

    Example:
        >>> report = tfapps.verify_litert(model, "files", x_test, y_test)
        >>> report["int8"].drop
        0.0014
    """
    keras_backend.configure()
    with extras.explained():
        from tfapps.edge import proof

        return proof.verify(model, path, inputs, targets, metric)
