"""Worker processes, how they start, and the signals that stop them."""
