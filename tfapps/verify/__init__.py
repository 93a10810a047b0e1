"""Proof that an exported file does its job."""
