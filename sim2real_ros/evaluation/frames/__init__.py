"""Frames of folders, bags and videos, with the masks, targets and poses that belong to them."""
