"""AdamW and its kin, and the learning rate over a fit."""
