"""Memories of generated images that discriminators are shown again."""
