"""Training: the only fit of all stages."""
