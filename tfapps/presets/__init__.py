"""Pre-trained weights: names of ours, finished runs, local folders, what KerasHub downloads."""
