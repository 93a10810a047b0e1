"""Embedded synthetic data."""
