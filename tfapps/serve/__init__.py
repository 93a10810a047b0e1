"""Bundle to answers."""
