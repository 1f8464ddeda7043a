"""Distances between an image and the known right answer."""
