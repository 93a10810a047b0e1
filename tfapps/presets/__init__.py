"""Pre-trained weights: our own names, finished runs, local folders, KerasHub downloads."""
