"""TensorBoard files of one fit: curves, pictures, texts, hyper-parameters and the graph."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from tfapps.graph.weights import variables
from tfapps.train import forward
from tfapps.train.evaluation import Evaluation


class Writer:
    """Writes under `folder`, or nothing if it is None. Close it, or use `with`.

    Args:
        weights: whether `histograms` are written.
    """

    def __init__(self, folder: Path | None, weights: bool = False) -> None:
        self._writer = tf.summary.create_file_writer(str(folder)) if folder else None
        self._weights = weights

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
        """Write metrics, the loss, pictures and texts under `dev/`."""
        if self._writer is None:
            return
        loss = {} if evaluation.loss is None else {"loss": evaluation.loss}
        figures = {**loss, **evaluation.metrics}
        self.scalars({f"dev/{name}": value for name, value in figures.items()}, step)
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

    def histograms(self, model: keras.Model, step: int) -> None:
        """Write the values of every weight, by its path, if they are asked for."""
        if self._writer is None or not self._weights:
            return
        with self._writer.as_default(step=step):
            for path, weight in variables(model).items():
                tf.summary.histogram(f"weights/{path}", weight.value)

    def graph(self, model: keras.Model) -> None:
        """Write the forward pass of `model`, one box a layer, and a chart of both losses."""
        if self._writer is None:
            return
        with self._writer.as_default(step=0):
            layers = [layer.name for layer in model.layers]
            tf.summary.graph(by_layers(forward.graph(model).as_graph_def(), model.name, layers))
            tf.summary.experimental.write_raw_pb(_charts(), step=0)

    def flush(self) -> None:
        """Write everything so far to disk."""
        if self._writer is not None:
            self._writer.flush()


def by_layers(graph: Any, model: str, layers: Sequence[str]) -> Any:
    """Name the operations of a graph by their layer, so that it opens as the layers of the model.

    Keras numbers scopes: `classification_1/head_1/MatMul` becomes `head/MatMul`. Operations of a
    second call of a layer, and those outside of the model, keep their scope.

    Args:
        graph: GraphDef, changed in place.
        model: its name.
        layers: names of its layers.
    """
    known = set(layers)

    def renamed(name: str) -> str:
        mark, path = ("^", name[1:]) if name.startswith("^") else ("", name)
        outer, *inner = path.split("/")
        if len(inner) < 2 or outer not in (model, f"{model}_1"):
            return name
        layer = inner[0] if inner[0] in known else inner[0].removesuffix("_1")
        return mark + "/".join([layer, *inner[1:]]) if layer in known else name

    names = [node.name for node in graph.node]
    if len({*map(renamed, names)}) < len(names):  # two layers would become one
        return graph
    for node in graph.node:
        node.name = renamed(node.name)
        inputs = [renamed(name) for name in node.input]
        del node.input[:]
        node.input.extend(inputs)
    return graph


def _charts() -> bytes:
    """Return a layout for the dashboard of custom scalars: both losses in one chart."""
    from tensorboard.plugins.custom_scalar import layout_pb2, summary

    losses = layout_pb2.MultilineChartContent(tag=["train/loss", "dev/loss"])
    chart = layout_pb2.Chart(title="loss", multiline=losses)
    category = layout_pb2.Category(title="loss of train and dev", chart=[chart])
    return summary.pb(layout_pb2.Layout(category=[category])).SerializeToString()
