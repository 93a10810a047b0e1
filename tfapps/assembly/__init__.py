"""Config, task and vocabulary to the whole model."""
