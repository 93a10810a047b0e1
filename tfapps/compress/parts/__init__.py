"""What the compress stage passes to compressors."""
