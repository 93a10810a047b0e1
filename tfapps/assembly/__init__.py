"""Builds the model from config, task and vocabulary."""
