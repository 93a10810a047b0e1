"""Greedy and beam search over any step function."""
