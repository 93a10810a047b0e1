"""Where the parts are wired: one stage of a run a file."""
