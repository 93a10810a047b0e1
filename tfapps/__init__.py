"""From raw text to a verified model on a phone, in Keras 3."""

from tfapps import keras_backend, saved_layers
from tfapps.api import evaluate, load, quantize, report, run
from tfapps.version import VERSION as __version__

__all__ = ["__version__", "evaluate", "load", "quantize", "report", "run"]

keras_backend.choose()
saved_layers.register_with_keras()
