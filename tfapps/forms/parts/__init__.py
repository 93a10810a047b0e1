"""What forms are made of, for other packages too."""
