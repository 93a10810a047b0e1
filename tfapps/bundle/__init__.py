"""The run directory: all that serving reads from training."""
