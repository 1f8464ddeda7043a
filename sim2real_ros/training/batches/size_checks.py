"""Find images whose sizes do not make batches before training begins, not hours later."""

from collections import Counter
from collections.abc import Iterator, Sequence

from sim2real_ros.errors import DataError
from sim2real_ros.training.batches.image_file import shown
from sim2real_ros.training.batches.image_store import ImageStore, no_readable_pair, none_readable
from sim2real_ros.training.batches.preparation import is_cropped
from sim2real_ros.training.options import DataOptions, Size

Readable = tuple[str, Size]
_SIZES_SHOWN = 4


def check_sizes(
    sim: ImageStore, real: ImageStore, options: DataOptions, *, paired: bool, batch_size: int
) -> None:
    """Check that every batch will have one size.

    Args:
        sim: Prepared images.
        real: Likewise.
        options: Their crop.
        paired: Whether both images of a number come together.
        batch_size: Of one process.

    Raises:
        DataError: No image is readable, a crop does not fit into an image, or whole images that
            may come together differ in size.
    """
    for store in (sim, real):
        found = list(_readable(store))
        if not found:
            raise none_readable(store)
        if is_cropped(options):
            _check_crop(found, options)
    if paired:
        _check_pairs(sim, real)
    if not is_cropped(options) and not (paired and batch_size == 1):
        _check_equal([*_readable(sim), *_readable(real)], options, batch_size)


def _readable(store: ImageStore) -> Iterator[Readable]:
    for number, file in enumerate(store.files):
        size = store.size(number)
        if size is not None:
            yield shown(file.path), size


def _check_crop(found: Sequence[Readable], options: DataOptions) -> None:
    width, height = options.crop_size
    small = [each for each in found if each[1][0] < width or each[1][1] < height]
    if small:
        name, size = small[0]
        raise DataError(
            f'{len(small)} of {len(found)} images are smaller than data.crop_size, '
            f'{width}x{height}: {name!r} is {size[0]}x{size[1]} after {options.preprocess!r} '
            f'(skip_top {options.skip_top}). Choose a smaller crop_size, or preprocess '
            "'resize-and-crop'."
        )


def _check_pairs(sim: ImageStore, real: ImageStore) -> None:
    sizes = ((sim.size(number), real.size(number)) for number in range(len(sim.files)))
    pairs = [(number, a, b) for number, (a, b) in enumerate(sizes) if a and b]
    if not pairs:
        raise no_readable_pair(sim, real)
    for number, a, b in pairs:
        if a != b:
            raise DataError(
                f'Partners differ in size: {shown(sim.files[number].path)!r} is {a[0]}x{a[1]}, '
                f'{shown(real.files[number].path)!r} is {b[0]}x{b[1]}. Bring them to one size by '
                "preprocess 'resize' or 'resize-and-crop', or by sim2real resize-images."
            )


def _check_equal(found: Sequence[Readable], options: DataOptions, batch_size: int) -> None:
    counts = Counter(size for _, size in found)
    if len(counts) == 1:
        return
    first = {size: name for name, size in reversed(found)}
    listed = [
        f'{count} of {size[0]}x{size[1]} such as {first[size]!r}'
        for size, count in counts.most_common(_SIZES_SHOWN)
    ]
    raise DataError(
        f'Whole images (preprocess {options.preprocess!r}, batch_size {batch_size}) must have one '
        f'size, found {"; ".join(listed)}{" ..." if len(counts) > _SIZES_SHOWN else ""}. Choose '
        "preprocess 'resize', or a mode that crops."
    )
