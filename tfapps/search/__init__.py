"""Searches: one way to choose the next trial a file, each an oracle of KerasTuner."""
