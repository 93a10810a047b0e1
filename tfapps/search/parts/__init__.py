"""What a search is made of: its trials, their values, and what asks for the next."""
