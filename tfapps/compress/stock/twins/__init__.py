"""Layers with fake quantizers, one kind of Keras layer a file."""
