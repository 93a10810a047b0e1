"""Parts of a search: its trials, their values, and the loop over them."""
