"""Colour thresholds: applied, scored, fitted, and carried from one domain to another."""
