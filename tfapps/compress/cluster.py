"""Weight clustering: each kernel has only a few distinct values, so its file compresses well.

K-means++ picks first centroids as the TensorFlow Model Optimization toolkit does, Lloyd's steps fit
them; weights that share a centroid keep sharing it while it learns (Han et al. 2016, "Deep
Compression").
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from pydantic import Field

from tfapps.compress import base
from tfapps.compress._fine_tune import FineTune
from tfapps.compress._imports import importing_toolkit
from tfapps.compress._select import EXCLUDE, INCLUDE, matrices

if TYPE_CHECKING:
    import keras

NOT_AFTER = {
    "qat": "moving weights to centroids breaks the learned quantization grids; cluster first, qat "
    "then keeps the clusters"
}
ROUNDS = 300
GZIP_LEVEL = 6


class Config(FineTune):
    """How many distinct values a weight has, and which weights are clustered.

    Zeros from `prune` are a separate cluster and stay zeros.

    Attributes:
        clusters: distinct values of each weight, including the zero of pruned weights.
        include: patterns of weight paths (`block_0_*`, `embeddings/token`). A later `qat` rounds
            embeddings by row, which splits their clusters; its `embedding_bits: null` does not.
        exclude: patterns of weight paths that stay unchanged.
    """

    tiny: ClassVar = {"clusters": 8}

    name: str = "cluster"
    clusters: int = Field(32, ge=2, le=256)
    include: tuple[str, ...] = INCLUDE
    exclude: tuple[str, ...] = EXCLUDE


def build(config: Config, model: keras.Model, plan: Mapping[str, Any]) -> keras.Model:
    """Return the same model: equal weights need no other architecture."""
    return model


def begin(config: Config, model: keras.Model, batches: Iterable[Any]) -> None:
    """Move every weight to its centroid, before the first step.

    Raises:
        InputError: as `matrices`.
    """

    from tfapps.compress._constraints import Mask, links

    for weight in _weights(config, model).values():
        values = weight.numpy()
        masked = any(isinstance(link, Mask) for link in links(weight))
        weight.assign(clustered(values, config.clusters, keep_zeros=masked))
    hold(config, model)


def hold(config: Config, model: keras.Model) -> None:
    """Keep equal weights equal in later fits."""

    from tfapps.compress._constraints import Clusters, add

    for weight in _weights(config, model).values():
        values = weight.numpy()
        _, members = np.unique(values, return_inverse=True)
        add(weight, Clusters(members.reshape(values.shape)))


def report(config: Config, model: keras.Model) -> dict[str, float]:
    """Return the most distinct values of a weight, and the clustered bytes, raw and gzipped."""
    import gzip

    arrays = [weight.numpy() for weight in _weights(config, model).values()]
    content = b"".join(array.astype("float32").tobytes() for array in arrays)
    return {
        "distinct": max(len(np.unique(array)) for array in arrays),
        "bytes": len(content),
        "gzip_bytes": len(gzip.compress(content, GZIP_LEVEL)),
    }


def clustered(values: np.ndarray, count: int, keep_zeros: bool = False) -> np.ndarray:
    """Return `values`, each replaced by the nearest of at most `count` centroids.

    Args:
        values: float32 of any shape.
        keep_zeros: zeros are one of the clusters and stay zeros, and nothing else becomes zero.

    Example: `clustered(np.float32([0.1, 0.2, 0.9]), 2)` is `[0.15, 0.15, 0.9]`.
    """
    if keep_zeros and not values.all():
        nonzero = values != 0
        result = np.zeros_like(values)
        result[nonzero] = clustered(values[nonzero], count - 1)
        return result
    centroids = fitted(values.ravel(), count)
    return centroids[np.searchsorted(_borders(centroids), values)]


def fitted(values: np.ndarray, count: int) -> np.ndarray:
    """Return the centroids of k-means, ascending: Lloyd's steps from the toolkit's k-means++.

    Args:
        values: (n,) float32.

    Returns:
        (at most count,) float32; the values themselves if there are no more than that.
    """
    distinct = np.unique(values)
    if len(distinct) <= count:
        return distinct
    centroids = np.unique(first_centroids(values, count)).astype("float64")
    # In one dimension clusters are ranges of the sorted values, so a step costs a few look-ups.
    ordered = np.sort(values).astype("float64")
    totals = np.concatenate([[0.0], np.cumsum(ordered)])
    edges = np.zeros(0, int)
    for _ in range(ROUNDS):
        before, inner = edges, np.searchsorted(ordered, _borders(centroids))
        edges = np.concatenate([[0], inner, [len(ordered)]])
        if np.array_equal(before, edges):
            break
        sizes = np.diff(edges)
        means = np.diff(totals[edges]) / np.maximum(sizes, 1)
        centroids = np.where(sizes > 0, means, centroids)
    return np.unique(centroids.astype("float32"))


def first_centroids(values: np.ndarray, count: int) -> np.ndarray:
    """Run the toolkit's k-means++ on (n,) values, with its own fixed seed. (count,) float32."""
    import tensorflow as tf

    with importing_toolkit():
        from tensorflow_model_optimization.python.core.clustering.keras import (
            cluster_config,
            clustering_centroids,
        )
    initializer = clustering_centroids.CentroidsInitializerFactory.get_centroid_initializer(
        cluster_config.CentroidInitialization.KMEANS_PLUS_PLUS
    )
    return initializer(tf.constant(values, tf.float32), count).get_cluster_centroids().numpy()


def _borders(centroids: np.ndarray) -> np.ndarray:
    """Return the borders between clusters, (count - 1,)."""
    wide = centroids.astype("float64")
    return (wide[1:] + wide[:-1]) / 2


def _weights(config: Config, model: keras.Model) -> dict[str, keras.Variable]:
    return matrices(config.name, model, config.include, config.exclude)


class Compressor(base.Compressor):
    """The hooks that other packages call."""

    not_after = NOT_AFTER
    build = staticmethod(build)
    begin = staticmethod(begin)
    hold = staticmethod(hold)
    report = staticmethod(report)
