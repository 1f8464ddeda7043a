"""What runs a method: the loop, its run folder, checkpoints, measurements."""
