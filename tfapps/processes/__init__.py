"""Workers, their launch, and the signals that stop them."""
