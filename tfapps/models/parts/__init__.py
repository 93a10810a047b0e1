"""Helpers of models that training uses."""
