"""What changes from frame to frame that did not change in the input."""
