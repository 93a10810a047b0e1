"""Generators of the data in `tfapps/samples/`."""
