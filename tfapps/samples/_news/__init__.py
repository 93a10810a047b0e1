"""News that nobody wrote: names by kind, and sentences with their names marked."""
