"""What the exporters are made of."""
