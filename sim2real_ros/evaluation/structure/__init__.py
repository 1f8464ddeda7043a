"""What moved, vanished or appeared between an image and its translation."""
