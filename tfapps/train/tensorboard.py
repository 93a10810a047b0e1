"""TensorBoard files of one fit: curves, pictures, texts, hyper-parameters and the graph."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from tfapps.train import forward
from tfapps.train.evaluation import Evaluation


class Writer:
    """Writes under `folder`, or nothing if it is None. Close it, or use `with`."""

    def __init__(self, folder: Path | None) -> None:
        self._writer = tf.summary.create_file_writer(str(folder)) if folder else None

    def __enter__(self) -> Writer:
        return self

    def __exit__(self, *_: object) -> None:
        if self._writer is not None:
            self._writer.close()

    def scalars(self, values: Mapping[str, float], step: int) -> None:
        """Add one point to each curve."""
        if self._writer is None:
            return
        with self._writer.as_default(step=step):
            for tag, value in values.items():
                tf.summary.scalar(tag, value)

    def evaluation(self, evaluation: Evaluation, step: int) -> None:
        """Write metrics, pictures and texts under `dev/`."""
        if self._writer is None:
            return
        self.scalars({f"dev/{name}": value for name, value in evaluation.metrics.items()}, step)
        with self._writer.as_default(step=step):
            for name, png in evaluation.pictures.items():
                tf.summary.image(f"dev/{name}", tf.io.decode_png(png)[None])
            for name, text in evaluation.texts.items():
                tf.summary.text(f"dev/{name}", text)

    def hparams(self, values: Mapping[str, Any] | None, metric: str) -> None:
        """Write the run's hyper-parameters, if any; TensorBoard compares them by `metric`."""
        if self._writer is None or values is None:
            return
        from tensorboard.plugins.hparams import api

        plain = {
            name: value if isinstance(value, bool | int | float | str) else str(value)
            for name, value in values.items()
        }
        with self._writer.as_default():
            api.hparams_config(
                hparams=[api.HParam(name) for name in plain], metrics=[api.Metric(metric)]
            )
            api.hparams(plain)

    def graph(self, model: keras.Model) -> None:
        """Write the graph of the forward pass of `model`."""
        if self._writer is None:
            return
        with self._writer.as_default(step=0):
            tf.summary.graph(forward.graph(model))

    def flush(self) -> None:
        """Write everything so far to disk."""
        if self._writer is not None:
            self._writer.flush()
