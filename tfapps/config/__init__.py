"""One YAML file = one run: typed, strict, checked whole before anything is loaded."""
