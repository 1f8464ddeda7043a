"""Training of generators: the only room that imports torch."""
