"""Bilateral-grid models on a CPU: their small network in a runtime, their slicing in a kernel."""
