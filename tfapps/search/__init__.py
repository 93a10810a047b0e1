"""One search method a file."""
