"""How a kind of model is run."""
