"""The machines that train together, from this process's TF_CONFIG."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass

from tfapps.errors import InputError

VARIABLE = "TF_CONFIG"
KINDS = ("chief", "worker")  # the chief comes first where there is one


@dataclass(frozen=True)
class Cluster:
    """Addresses of all workers, and the index of this process; the first is the chief."""

    addresses: tuple[str, ...]
    index: int

    @property
    def chief(self) -> bool:
        """Return whether this process writes the files of the training."""
        return self.index == 0


def current() -> Cluster | None:
    """Return the cluster of this process; None if it trains alone.

    Raises: InputError for a TF_CONFIG that does not name this process among its workers.
    """
    text = os.environ.get(VARIABLE)
    if not text:
        return None
    try:
        tf_config = json.loads(text)
        cluster, task = tf_config.get("cluster", {}), tf_config.get("task", {})
        addresses = [address for kind in KINDS for address in cluster.get(kind, [])]
        if len(addresses) < 2:
            return None
        before = sum(len(cluster.get(kind, [])) for kind in KINDS[: KINDS.index(task["type"])])
        index = before + int(task["index"])
        if not before <= index < before + len(cluster[task["type"]]):
            raise ValueError(f"no {task['type']} number {task['index']}")
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(
            f"{VARIABLE}: {error}; expected "
            '{"cluster": {"worker": ["host:port", ...]}, "task": {"type": "worker", "index": 0}}'
        ) from None
    return Cluster(tuple(addresses), index)


def chief() -> bool:
    """Return whether this process may write: it trains alone, or is the first of several."""
    cluster = current()
    return cluster is None or cluster.chief
