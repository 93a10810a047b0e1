"""Which words of a text led to an answer: one method a file."""
