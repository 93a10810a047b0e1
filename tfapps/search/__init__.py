"""Searches: one way to choose the values of the next trial a file."""
