"""One runtime a file: an artefact as functions of arrays."""
