"""Quantization-aware training of stock Keras 3 layers (`keras.layers`, KerasHub)."""
