"""One compressor a file."""
