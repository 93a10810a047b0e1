"""Where a fit runs: one device, or a copy of the model on each of several."""

from __future__ import annotations

import tensorflow as tf

from tfapps.errors import InputError

NAMES = ("auto", "one_device", "mirrored")


def make(name: str) -> tf.distribute.Strategy:
    """The strategy called `name`; build the model inside its `scope()`.

    `auto` mirrors over the GPUs if there are two or more and takes one device otherwise.
    `mirrored` takes every GPU, or every logical CPU where there is none.

    Raises: InputError for an unknown name.
    """
    if name not in NAMES:
        raise InputError(f"train.strategy: got '{name}', expected one of {', '.join(NAMES)}")
    gpus = [device.name for device in tf.config.list_logical_devices("GPU")]
    cpus = [device.name for device in tf.config.list_logical_devices("CPU")]
    if name == "mirrored" or (name == "auto" and len(gpus) > 1):
        return tf.distribute.MirroredStrategy(gpus or cpus)
    # TensorFlow's default: the first GPU or the CPU, with no scope to build the model inside.
    return tf.distribute.get_strategy()


def distribute(
    strategy: tf.distribute.Strategy, dataset: tf.data.Dataset
) -> tf.data.Dataset | tf.distribute.DistributedDataset:
    """Each replica's equal share of every batch; the dataset itself where there is one replica."""
    if strategy.num_replicas_in_sync == 1:
        return dataset
    options = tf.data.Options()
    options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.OFF
    return strategy.experimental_distribute_dataset(dataset.with_options(options))


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
