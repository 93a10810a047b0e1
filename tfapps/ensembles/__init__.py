"""One ensemble method a file."""
