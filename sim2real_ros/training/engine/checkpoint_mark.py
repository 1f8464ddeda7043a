"""What marks a safetensors file as a checkpoint of a run; apart, as this needs no torch."""

METADATA_KEY = 'sim2real_checkpoint'
"""Key of the facts, as JSON, in a file's header."""

NETWORKS = 'networks.'
"""Beginning of the names of the networks' tensors."""
