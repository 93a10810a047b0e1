"""How a kind of model is run: one kind a file."""
