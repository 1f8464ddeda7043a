"""How much of the difference between simulation and reality a translation takes away."""
