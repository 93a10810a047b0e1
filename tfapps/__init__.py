"""From raw text to a verified model on a phone, in Keras 3."""

from tfapps import keras_backend, saved_layers
from tfapps.api import evaluate, load, quantize, report, run
from tfapps.edge.api import cluster, export_litert, prune, verify_litert
from tfapps.version import VERSION as __version__

__all__ = [
    "__version__",
    "cluster",
    "evaluate",
    "export_litert",
    "load",
    "prune",
    "quantize",
    "report",
    "run",
    "verify_litert",
]

keras_backend.choose()
saved_layers.register_with_keras()
