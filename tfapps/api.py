"""tfapps from Python: run a config, load a run to predict with it, evaluate it on a file."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from tfapps import extras, keras_backend

if TYPE_CHECKING:
    import keras

    from tfapps.bundle.bundle import Bundle
    from tfapps.compress.stock.report import Report
    from tfapps.serve.ensemble import Ensemble
    from tfapps.serve.predictor import Predictor


def run(
    config: str | os.PathLike | Mapping[str, Any], *, overwrite: bool = False, **overrides: Any
) -> Bundle:
    """Train, compress, export and verify; stages that are already done are skipped.

    Does the same as `tfapps run`, and writes `saved_models/<name>` in the current folder.

    Args:
        config: a YAML file, or its content as a dictionary; a dictionary states its `name`.
        overwrite: replace a finished run of this name that was made of other values or other data.
        overrides: values of the config by key; a dictionary changes only the keys it names.

    Returns:
        The finished run: its `path`, its `metrics` by split and artefact, and its `artifacts()`.

    Raises:
        ConfigError: with every problem of the config.
        InputError: a finished run would be replaced, the data cannot be read, or a package of an
            extra is not installed.
        Failure: an exported file differs too much from the trained model, for one.

    Example:
        >>> bundle = tfapps.run("support.yaml", train={"epochs": 3}, name="support_3")
        >>> bundle.metrics["dev"]["litert_dynamic"]["accuracy"]
        0.9153
    """
    from tfapps.config import load as configs

    keras_backend.configure()
    settings = configs.of_python(config, overrides)
    with extras.explained():
        keras_backend.import_keras()
        from tfapps.stages import run as stage

        return stage.run(settings, overwrite)


def load(
    run: str | os.PathLike | Bundle, artifact: str | None = None, threads: int = 1
) -> Predictor | Ensemble:
    """Open a run to predict with it; a LiteRT file needs neither TensorFlow nor Keras.

    Args:
        run: what `tfapps.run` returned, a run's folder, or its name under `saved_models/`.
        artifact: which of its artefacts answers; None takes the recommended one, else the
            most faithful LiteRT file.
        threads: CPU threads of a LiteRT artefact.

    Returns:
        A predictor: called with a list of texts, it returns a list of answers.

    Raises:
        InputError: no such run or artefact, a damaged file, or a package of an extra is not
            installed.

    Example:
        >>> predictor = tfapps.load("support", "litert_dynamic")
        >>> predictor(["Where is my parcel?"])
        [{'label': 'track_order', 'score': 0.9862, 'top': [...]}]
    """
    keras_backend.configure()
    with extras.explained():
        from tfapps.serve.predictor import Predictor

        if artifact:
            keras_backend.import_backend(artifact)
        return Predictor.open(_path(run), artifact, threads)


def evaluate(
    run: str | os.PathLike | Bundle, data: str | os.PathLike, artifact: str | None = None
) -> dict[str, float]:
    """Measure an artefact of a run on a file, as `tfapps evaluate` does.

    Args:
        run: what `tfapps.run` returned, a run's folder, or its name under `saved_models/`.
        data: a file in the format of the run's data source.
        artifact: which of its artefacts is measured; None is the Keras model.

    Returns:
        The task's metrics by name, `accuracy` and `macro_f1` for one.

    Raises:
        InputError: no such run, artefact or file, a file that cannot be read, or a package of an
            extra is not installed.

    Example:
        >>> tfapps.evaluate("support", "test.csv", "litert_dynamic")["accuracy"]
        0.9107
    """
    from tfapps.bundle.artefacts import full_name
    from tfapps.bundle.opening import open_bundle
    from tfapps.config import load as configs

    keras_backend.configure()
    bundle = open_bundle(_path(run), several=True)
    name = full_name(artifact or "keras", bundle.artifacts(), bundle.path)
    with extras.explained():
        from tfapps.stages import evaluate as stage

        settings = configs.load(bundle.config_path)
        keras_backend.import_backend(name)
        _, metrics = stage.evaluate(bundle, settings, os.fspath(data), name)
    return metrics


def quantize(
    model: keras.Model,
    weight_bits: int = 8,
    activation_bits: int | None = 8,
    embedding_bits: int | None = 8,
    keep_float: Sequence[str] = (),
) -> keras.Model:
    """Return the same Keras model, ready for quantization-aware training.

    Weights are copied; zeros of `tfapps.prune` and clusters of `tfapps.cluster` stay. The layers
    round weights and activations to the grids of integers from now on, as the integer file will;
    ranges of activations are learned in `fit`, and weights train on. Prints which layers are
    quantized and why the others are not; `tfapps.report(model)` returns it. A custom layer stays
    float unless it has a method `quantized_weights` that returns {attribute: axes of the output
    channels} of its weights, such as `{"kernel": (-1,)}`.

    Args:
        model: any functional or Sequential Keras 3 model, of layers of Keras, KerasHub, tfapps, or
            your own; models and layers within it count too.
        weight_bits: of kernels, 4 to 8.
        activation_bits: of the inputs and outputs of kernels; None leaves them float.
        embedding_bits: of embedding tables, a range for each row; None leaves them float.
        keep_float: patterns of names or paths of layers that stay float, such as `["head"]`.

    Returns:
        A new model, not compiled.

    Raises:
        InputError: the model has no layer that can be quantized, or no input shape, a pattern
            matches no layer, or an unsupported number of bits.

    Example:
        >>> small = tfapps.quantize(model)
        >>> small.compile("adam", loss)
        >>> small.fit(x, y, epochs=3)
        >>> tfapps.export_litert(small, "model.tflite", kinds=["int8"])
    """
    keras_backend.configure()
    keras_backend.import_keras()
    from tfapps.compress import qat

    result = qat.quantize_compressed(
        model,
        weight_bits=weight_bits,
        activation_bits=activation_bits,
        embedding_bits=embedding_bits,
        keep_float=keep_float,
    )
    print(report(result), flush=True)
    return result


def report(model: keras.Model) -> Report:
    """Return which layers of a model are quantized, and why the others are not.

    Args:
        model: what `tfapps.quantize` returned, also after it was saved and loaded.

    Returns:
        Its rows `quantized` and `floats`; printed, it is a table.

    Example:
        >>> [row.layer for row in tfapps.report(small).floats]
        ['softmax']
    """
    from tfapps.compress.stock import report as reports

    return reports.report(model)


def _path(run: str | os.PathLike | Bundle) -> os.PathLike:
    """Return the folder of a run."""
    from tfapps.bundle.bundle import Bundle
    from tfapps.bundle.opening import bundle_path

    return run.path if isinstance(run, Bundle) else bundle_path(run)
