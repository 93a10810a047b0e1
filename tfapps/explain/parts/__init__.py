"""What the explainers are made of."""
