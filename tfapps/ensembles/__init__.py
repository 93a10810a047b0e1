"""One way to make one answer of several runs a file."""
