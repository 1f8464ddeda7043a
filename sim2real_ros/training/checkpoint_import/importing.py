"""Turn a checkpoint of the original programs into a model file."""

from dataclasses import dataclass, field
from pathlib import Path

from sim2real_ros.card import ModelCard
from sim2real_ros.files import sha256_of_file
from sim2real_ros.training.checkpoint_import.architecture import Architecture
from sim2real_ros.training.checkpoint_import.loading import LoadOptions, load_generator_checkpoint
from sim2real_ros.training.early_checks import check_import
from sim2real_ros.training.export.model_export import ExportedModel, export_model


@dataclass(frozen=True)
class ImportOptions:
    """How to import.

    Attributes:
        load: What is known about the checkpoint.
        size: (width, height) of a model of fixed size; None = any size.
        fp16: Whether the model computes in float16.
        name: Of the model; '' = that of the file written.
        training_data: For the card.
        licence: For the card.
        force: Whether an existing file may be replaced.
    """

    load: LoadOptions = field(default_factory=LoadOptions)
    size: tuple[int, int] | None = None
    fp16: bool = False
    name: str = ''
    training_data: str = ''
    licence: str = ''
    force: bool = False


def import_checkpoint(
    checkpoint: str | Path, path: str | Path, options: ImportOptions | None = None
) -> tuple[ExportedModel, Architecture]:
    """Write the generator of a checkpoint as a model file.

    Args:
        checkpoint: Such as ``latest_net_G_A.pth``.
        path: The ``.onnx`` file.
        options: How.

    Returns:
        What was written, and what the generator was recognised as.

    Raises:
        ModelError: The checkpoint is refused or holds no such generator; or as ``export_model``.
        DataError: The disk refuses.
    """
    options = options or ImportOptions()
    checkpoint = Path(checkpoint)
    check_import(checkpoint, path, force=options.force)
    loaded = load_generator_checkpoint(checkpoint, options.load)
    card = ModelCard(
        name=options.name or Path(path).stem,
        method='imported checkpoint',
        description=f'Generator of {checkpoint.name}: {loaded.architecture}.',
        training_data=options.training_data,
        licence=options.licence,
        source=f'{checkpoint.name}, sha256 {sha256_of_file(checkpoint)}',
    )
    exported = export_model(
        loaded.generator,
        path,
        card,
        size=options.size,
        fp16=options.fp16,
        force=options.force,
    )
    return exported, loaded.architecture
