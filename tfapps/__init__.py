"""From raw text to a verified model on a phone, in Keras 3."""

from tfapps import keras_backend
from tfapps.api import evaluate, load, run
from tfapps.version import VERSION as __version__

__all__ = ["__version__", "evaluate", "load", "run"]

keras_backend.choose()
