"""From raw text to a verified model on a phone, in Keras 3."""

from tfapps import keras_backend

keras_backend.choose()
