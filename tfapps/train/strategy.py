"""Where a fit runs: one device, a copy of the model on each of several, or on several machines."""

from __future__ import annotations

import functools
from typing import Any

import tensorflow as tf

from tfapps import cluster
from tfapps.errors import InputError

NAMES = ("auto", "one_device", "mirrored", "multi_worker")


def make(name: str) -> tf.distribute.Strategy:
    """The strategy called `name`; build the model inside its `scope()`.

    `auto` takes the machines of TF_CONFIG if it names several, else mirrors over the GPUs if there
    are two or more, else takes one device. `mirrored` takes every GPU, or every logical CPU where
    there is none.

    Raises: InputError for an unknown name, or machines that nobody named.
    """
    if name not in NAMES:
        raise InputError(f"train.strategy: got '{name}', expected one of {', '.join(NAMES)}")
    if name == "multi_worker" and cluster.here() is None:
        raise InputError(
            f"train.strategy: got multi_worker, but {cluster.VARIABLE} names no other worker; "
            "start it by `tfapps launch --workers 2 CONFIG`, or set it on every machine"
        )
    if name == "multi_worker" or (name == "auto" and cluster.here() is not None):
        return _several_machines()
    gpus = [device.name for device in tf.config.list_logical_devices("GPU")]
    cpus = [device.name for device in tf.config.list_logical_devices("CPU")]
    if name == "mirrored" or (name == "auto" and len(gpus) > 1):
        return tf.distribute.MirroredStrategy(gpus or cpus)
    # TensorFlow's default: the first GPU or the CPU, with no scope to build the model inside.
    return tf.distribute.get_strategy()


@functools.cache
def _several_machines() -> tf.distribute.Strategy:
    """One for the process: its servers are started before anything else runs, and once."""
    return tf.distribute.MultiWorkerMirroredStrategy()


def distribute(
    strategy: tf.distribute.Strategy, dataset: tf.data.Dataset
) -> tf.data.Dataset | tf.distribute.DistributedDataset:
    """Each replica's equal share of every batch; the dataset itself where there is one replica."""
    replicas = strategy.num_replicas_in_sync
    if replicas == 1:
        return dataset
    options = tf.data.Options()
    options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.OFF
    dataset = dataset.with_options(options)
    if not isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy):
        return strategy.experimental_distribute_dataset(dataset)

    def shares(context: tf.distribute.InputContext) -> tf.data.Dataset:
        """What the replicas of this machine read of each batch, one behind the other."""
        mine = replicas // context.num_input_pipelines
        first = context.input_pipeline_id * mine

        def cut(*batch: Any) -> tf.data.Dataset:
            def share(x: tf.Tensor) -> tf.Tensor:
                inner = tf.shape(x)[1:]
                parts = tf.reshape(x, tf.concat([[replicas, -1], inner], axis=0))
                parts = tf.ensure_shape(parts, (replicas, None, *x.shape[1:]))
                return parts[first : first + mine]

            return tf.data.Dataset.from_tensor_slices(tf.nest.map_structure(share, batch))

        return dataset.flat_map(cut).with_options(options)

    return strategy.distribute_datasets_from_function(shares)


def check_batch_size(strategy: tf.distribute.Strategy, batch_size: int) -> None:
    """Replicas take equal shares, so the batch must divide by them.

    Raises: InputError naming the batch size and the replicas.
    """
    replicas = strategy.num_replicas_in_sync
    if batch_size % replicas:
        nearest = max(batch_size // replicas, 1) * replicas
        raise InputError(
            f"train.batch_size: got {batch_size}, expected a multiple of {replicas}, "
            f"the number of replicas of train.strategy; try {nearest}"
        )
