"""What the stage hands to the compressors."""
