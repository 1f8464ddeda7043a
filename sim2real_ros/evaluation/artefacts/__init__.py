"""Defects that generators are known for: collapse, memorising, inverted colours, patterns."""
