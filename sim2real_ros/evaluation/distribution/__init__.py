"""How far apart two sets of images are: Fréchet and kernel distance, density and coverage."""
