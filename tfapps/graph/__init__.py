"""A functional model as named layers and weights."""
