"""The distribution strategy of a fit: one device, several devices, or several machines."""

from __future__ import annotations

import functools
from typing import Any

import tensorflow as tf

from tfapps.errors import InputError
from tfapps.processes import workers

NAMES = ("auto", "one_device", "mirrored", "multi_worker")


def make(name: str) -> tf.distribute.Strategy:
    """Return the strategy called `name`; build the model inside its `scope()`.

    `auto` takes the machines of TF_CONFIG if it names several, else mirrors over the GPUs if there
    are two or more, else takes one device. `mirrored` takes every GPU, or every logical CPU where
    there is none.

    Raises: InputError for an unknown name, or `multi_worker` without workers.
    """
    if name not in NAMES:
        raise InputError(f"train.strategy: got '{name}', expected one of {', '.join(NAMES)}")
    if name == "multi_worker" and workers.current() is None:
        raise InputError(
            f"train.strategy: got multi_worker, but {workers.VARIABLE} names no other worker; "
            "start it by `tfapps launch --workers 2 CONFIG`, or set it on every machine"
        )
    if name == "multi_worker" or (name == "auto" and workers.current() is not None):
        return _several_machines()
    gpus = [device.name for device in tf.config.list_logical_devices("GPU")]
    cpus = [device.name for device in tf.config.list_logical_devices("CPU")]
    if name == "mirrored" or (name == "auto" and len(gpus) > 1):
        return tf.distribute.MirroredStrategy(gpus or cpus)
    # TensorFlow's default: the first GPU or the CPU, with no scope to build the model inside.
    return tf.distribute.get_strategy()


def replicas() -> int:
    """Return the number of replicas of the strategy in scope."""
    return tf.distribute.get_strategy().num_replicas_in_sync


@functools.cache
def _several_machines() -> tf.distribute.Strategy:
    """Return the strategy of this process; its servers start once, before anything else."""
    return tf.distribute.MultiWorkerMirroredStrategy()


def distribute(
    strategy: tf.distribute.Strategy, batches: Any, epoch: int, start: int = 0
) -> tf.data.Dataset | tf.distribute.DistributedDataset:
    """Return each replica's equal share of every batch of an epoch, from batch `start` on.

    A machine reads only the rows of its own replicas. One replica gets the epoch itself.

    Args:
        batches: `.epoch(epoch, start)` -> dataset of batches; over several machines also
            `.epoch(epoch, start, part)`, see `data.pipeline.Batches`.
    """
    replicas = strategy.num_replicas_in_sync
    if replicas == 1:
        return batches.epoch(epoch, start)
    options = tf.data.Options()
    options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.OFF
    if not isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy):
        dataset = batches.epoch(epoch, start).with_options(options)
        return strategy.experimental_distribute_dataset(dataset)

    def share(context: tf.distribute.InputContext) -> tf.data.Dataset:
        """Return the shares of this machine's replicas of each batch, in turn."""
        machines = context.num_input_pipelines
        own_batches = batches.epoch(epoch, start, (context.input_pipeline_id, machines))
        return _cut(own_batches, replicas // machines).with_options(options)

    return strategy.distribute_datasets_from_function(share)


def _cut(dataset: tf.data.Dataset, count: int) -> tf.data.Dataset:
    """Return `count` equal pieces of every batch, in turn."""

    def pieces(*batch: Any) -> tf.data.Dataset:
        def cut(x: tf.Tensor) -> tf.Tensor:
            rows = tf.reshape(x, tf.concat([[count, -1], tf.shape(x)[1:]], axis=0))
            return tf.ensure_shape(rows, (count, None, *x.shape[1:]))

        return tf.data.Dataset.from_tensor_slices(tf.nest.map_structure(cut, batch))

    return dataset.flat_map(pieces)


def check_batch_size(strategy: tf.distribute.Strategy, batch_size: int) -> None:
    """Check that the batch divides into equal shares for all replicas.

    Raises: InputError naming the batch size and the replicas.
    """
    replicas = strategy.num_replicas_in_sync
    if batch_size % replicas:
        nearest = max(batch_size // replicas, 1) * replicas
        raise InputError(
            f"train.batch_size: got {batch_size}, expected a multiple of {replicas}, "
            f"the number of replicas of train.strategy; try {nearest}"
        )
