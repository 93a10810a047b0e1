"""Pruning, clustering and verified LiteRT files for any functional or Sequential Keras 3 model."""
