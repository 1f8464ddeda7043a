"""What should be known about losses that look at a part of the picture only."""

from sim2real_ros.training.options import TrainingConfig


def region_notes(config: TrainingConfig) -> list[str]:
    """Say where the region of ``extra_losses`` is not where somebody may think.

    It belongs to the pictures as the networks see them, so it moves over the scene with random
    crops, and stays where it is when the picture is mirrored.
    """
    extra, notes = config.extra_losses, []
    names = [name for name in ('region_top', 'region_mask') if getattr(extra, name)]
    if names and config.data.crops_move:
        notes.append(
            f'extra_losses.{names[0]} belongs to the crop, not to the scene: with preprocess '
            f'{config.data.preprocess!r} its place in the scene changes from crop to crop. Use '
            "preprocess 'resize', or data.skip_top for the upper part"
        )
    if extra.region_mask and config.data.flip:
        notes.append(
            'extra_losses.region_mask is not mirrored with the images: unless it is symmetric, '
            'set data.flip to false'
        )
    return notes
