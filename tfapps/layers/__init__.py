"""One Keras layer a file."""
