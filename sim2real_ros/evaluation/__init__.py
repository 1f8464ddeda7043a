"""Numbers about images, computed from features and masks with numpy alone."""
