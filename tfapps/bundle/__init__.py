"""The run directory: the only thing that passes from training to serving."""
