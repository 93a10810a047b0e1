"""Invented news: names by kind, and sentences whose names are tagged."""
