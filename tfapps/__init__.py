"""From raw text to a verified model on a phone, in Keras 3."""
