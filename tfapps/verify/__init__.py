"""Verification of exported files: parity with the model, and cost."""
