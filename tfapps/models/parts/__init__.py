"""What training reads of a model besides the model itself."""
