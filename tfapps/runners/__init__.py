"""Run one exported artefact."""
