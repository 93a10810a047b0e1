"""One source of examples a file."""
