"""The one way to fit a model."""
