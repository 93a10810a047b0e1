"""The German-English grammar."""
