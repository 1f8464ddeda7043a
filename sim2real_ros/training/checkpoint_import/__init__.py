"""Checkpoints of the original CycleGAN, pix2pix and CUT programs as generators and models."""

from sim2real_ros.training.checkpoint_import.importing import ImportOptions, import_checkpoint
from sim2real_ros.training.checkpoint_import.loading import (
    GENERATOR_NAMES,
    LoadedGenerator,
    LoadOptions,
    load_generator_checkpoint,
)

__all__ = [
    'GENERATOR_NAMES',
    'ImportOptions',
    'LoadOptions',
    'LoadedGenerator',
    'import_checkpoint',
    'load_generator_checkpoint',
]
