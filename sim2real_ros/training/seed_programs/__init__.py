"""The command lines of the original CycleGAN programs, over our own code."""
