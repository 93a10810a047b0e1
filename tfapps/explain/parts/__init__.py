"""Parts that explainers share."""
