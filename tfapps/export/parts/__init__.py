"""Parts that exporters share."""
