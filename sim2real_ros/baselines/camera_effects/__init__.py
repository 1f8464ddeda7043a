"""What a camera does to an image beside its colours, fitted to a folder and applied by a graph."""
