"""One tuner a file."""
