"""What the stages share: prepared data, lessons, teachers, cards, unfinished work."""
