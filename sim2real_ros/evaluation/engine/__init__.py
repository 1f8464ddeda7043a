"""Runs all measures over all frames of all candidates."""
