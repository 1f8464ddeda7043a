"""Find masks with ids that are no class before training begins, not in the middle of it."""

from sim2real_ros.errors import DataError
from sim2real_ros.training.batches.image_file import shown
from sim2real_ros.training.batches.image_store import ImageStore
from sim2real_ros.training.batches.preparation import NOT_LABELLED


def check_class_ids(store: ImageStore, classes: int) -> None:
    """Check that all masks have ids of classes only.

    Args:
        store: Images with masks.
        classes: Number of classes, whose ids are 0 to below this.

    Raises:
        DataError: A mask has another id than these and ``NOT_LABELLED``.
    """
    wrong = {i: n for i, n in store.class_ids().items() if classes <= i != NOT_LABELLED}
    if wrong:
        file = store.files[min(wrong.values())]
        raise DataError(
            f'Masks have the class ids {sorted(wrong)}, the first of them is '
            f'{shown(file.mask or file.path)!r}; expected 0..{classes - 1} or {NOT_LABELLED} (not '
            'labelled): set extra_losses.semantic_classes to the number of classes, or repair '
            'the masks.'
        )
