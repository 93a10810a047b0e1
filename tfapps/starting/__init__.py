"""A first config for a data file: look at the file, choose, and write YAML with comments."""
