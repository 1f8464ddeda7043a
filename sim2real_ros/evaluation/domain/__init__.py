"""Whether an input frame is like those that a generator was trained on."""
