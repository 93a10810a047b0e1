"""Programs of clients; each runs in a Python that may lack tfapps, so none imports it."""
