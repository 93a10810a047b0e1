"""From raw text to a verified model on a phone, in Keras 3."""

from tfapps import keras_backend
from tfapps.version import VERSION as __version__  # noqa: F401

keras_backend.choose()
