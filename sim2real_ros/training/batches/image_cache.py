"""Decode every image once, into a file that is then mapped into memory.

The file of a set of images (little-endian):

    pixels      of each image in turn: RGB uint8 (H, W, 3), then class ids uint8 (H, W) if wanted
    index       JSON: sizes of the images, null where one is unreadable, and why; class ids, each
                with the number of the first image that has it
    footer      length of the index in bytes, 8 bytes; then _MAGIC

It lies in a folder named after a checksum of everything that its content depends on.
"""

import json
import os
import shutil
import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict
from itertools import accumulate
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from sim2real_ros.data.frame import Skipped
from sim2real_ros.errors import DataError
from sim2real_ros.files import atomic_path, default_workers, ordered_map, sha256_of_bytes
from sim2real_ros.files.atomic_write import PARTIAL_PREFIX
from sim2real_ros.image.opencv_threads import one_opencv_thread
from sim2real_ros.training.batches.image_file import ImageFile, shown
from sim2real_ros.training.batches.image_store import FirstWithId
from sim2real_ros.training.batches.preparation import Pixels, Preparation
from sim2real_ros.training.options import Size

try:
    import fcntl
except ImportError:  # not on Windows
    fcntl = None  # type: ignore[assignment]

ProgressReport = Callable[[str, int, int], None]
"""Called with what is done, how much of it, and how much there is."""

_FORMAT = 2
_MAGIC = b'sim2real cache\n\0'
_FOOTER = struct.Struct(f'<Q{len(_MAGIC)}s')
_NAME = 'images.cache'
_LOCK = 'lock'
_Read = tuple[Pixels, Pixels | None] | str


class CachedStore:
    """Prepared images in a memory-mapped file.

    Attributes:
        files: Where they come from; an image's number is its place here.
    """

    def __init__(self, files: Sequence[ImageFile], path: Path, *, with_masks: bool) -> None:
        """Map the file of a cache.

        Raises:
            ValueError: It is damaged, or not of these files.
            OSError: It cannot be read.
        """
        self.files = files
        index, length = _read_index(path)
        self._sizes = [_checked_size(each) for each in index['sizes']]
        self._reasons = {int(number): str(reason) for number, reason in index['skipped']}
        self._class_ids = {int(each): int(number) for each, number in index['class_ids']}
        self._channels = 4 if with_masks else 3
        counts = [s[0] * s[1] * self._channels if s else 0 for s in self._sizes]
        self._offsets = list(accumulate(counts, initial=0))
        if len(self._sizes) != len(files) or self._offsets[-1] != length:
            raise ValueError('the index does not fit')
        mapped = (
            np.memmap(path, np.uint8, 'r', shape=(length,)) if length else np.empty(0, np.uint8)
        )
        self._pixels = mapped.view(np.ndarray)

    @property
    def skipped(self) -> list[Skipped]:
        """What is unreadable."""
        return [Skipped(shown(self.files[n].path), r) for n, r in sorted(self._reasons.items())]

    def class_ids(self) -> Mapping[int, int]:
        """Return all class ids in the masks, each with the number of the first image."""
        return self._class_ids

    def size(self, number: int) -> Size | None:
        """Return (width, height) of a prepared image, None where it is unreadable."""
        return self._sizes[number]

    def read(self, number: int) -> tuple[Pixels, Pixels | None] | None:
        """Return read-only views of an image and its class ids; None = unreadable."""
        size = self._sizes[number]
        if size is None:
            return None
        width, height = size
        pixels = self._pixels[self._offsets[number] : self._offsets[number + 1]]
        image = pixels[: 3 * width * height].reshape(height, width, 3)
        if self._channels == 3:
            return image, None
        return image, pixels[3 * width * height :].reshape(height, width)


def default_cache_folder() -> Path:
    """Return where caches lie unless somebody says otherwise; it may be removed at any time."""
    root = Path(os.environ.get('XDG_CACHE_HOME') or Path.home() / '.cache')
    return root / 'sim2real_ros' / 'training_images'


def open_cache(
    files: Sequence[ImageFile],
    preparation: Preparation,
    folder: Path,
    *,
    with_masks: bool,
    progress: ProgressReport | None = None,
) -> CachedStore:
    """Open the cache of some images, after building it where there is none.

    Several processes may ask for the same one: one builds, the others wait for it. What a killed
    one has left is removed by the next.

    Args:
        files: The images.
        preparation: What happens to each.
        folder: Where caches lie.
        with_masks: Whether class ids are wanted.
        progress: Told what is going on.

    Raises:
        DataError: The cache cannot be written, or an image has vanished.
    """
    place = folder / _fingerprint(files, preparation, with_masks=with_masks)[:32]
    store = _opened(files, place, with_masks=with_masks)
    if store is not None:
        return store
    try:
        with _locked(place) as alone:
            store = _opened(files, place, with_masks=with_masks)
            if store is None:
                if alone:
                    _remove_leftovers(place)
                _build(files, preparation, place / _NAME, progress, with_masks=with_masks)
                store = CachedStore(files, place / _NAME, with_masks=with_masks)
    except (OSError, ValueError, DataError) as error:
        raise DataError(
            f'The cache of decoded images in {shown(place)!r} cannot be made: {_reason(error)}. '
            'Make room, or choose another data.cache_folder; with data.cache: false training '
            'needs none, but is slower.'
        ) from error
    return store


def _reason(error: Exception) -> str:
    cause = error.__cause__ or error
    return (isinstance(cause, OSError) and cause.strerror) or str(cause)


def _fingerprint(files: Sequence[ImageFile], preparation: Preparation, *, with_masks: bool) -> str:
    try:
        states = [
            [str(file.path.absolute()), file.half, _state(file.path)]
            + ([_state(file.mask)] if with_masks and file.mask else [])
            for file in files
        ]
    except OSError as error:
        raise DataError(f'Cannot read {shown(error.filename)!r}: {error.strerror}.') from error
    content = [_FORMAT, asdict(preparation), with_masks, states]
    return sha256_of_bytes(json.dumps(content).encode())


def _state(path: Path) -> tuple[int, int]:
    state = path.stat()
    return state.st_size, state.st_mtime_ns


def _opened(files: Sequence[ImageFile], place: Path, *, with_masks: bool) -> CachedStore | None:
    try:
        return CachedStore(files, place / _NAME, with_masks=with_masks)
    except (OSError, ValueError, LookupError, TypeError):
        return None


@contextmanager
def _locked(place: Path) -> Iterator[bool]:
    """Wait until no other process builds here; give False where nobody can tell."""
    place.mkdir(parents=True, exist_ok=True)
    with (place / _LOCK).open('wb') as file:
        alone = False
        # Some network drives cannot lock: then two may build, and the last one's file stays.
        with suppress(OSError):
            if fcntl is not None:
                fcntl.flock(file, fcntl.LOCK_EX)
                alone = True
        yield alone


def _remove_leftovers(place: Path) -> None:
    for each in place.glob(f'{PARTIAL_PREFIX}*'):
        each.unlink(missing_ok=True)


def _build(
    files: Sequence[ImageFile],
    preparation: Preparation,
    path: Path,
    progress: ProgressReport | None,
    *,
    with_masks: bool,
) -> None:
    def read(file: ImageFile) -> _Read:
        try:
            return preparation.read(file, with_mask=with_masks)
        except DataError as error:
            return str(error)

    _check_space(files, preparation, path.parent, with_masks=with_masks)
    sizes: list[Size | None] = []
    skipped: list[tuple[int, str]] = []
    ids = FirstWithId()
    with atomic_path(path) as temporary, temporary.open('wb') as output, one_opencv_thread():
        results = ordered_map(read, files, workers=default_workers())
        for number, result in enumerate(results):
            if isinstance(result, str):
                skipped.append((number, result))
                sizes.append(None)
            else:
                sizes.append((result[0].shape[1], result[0].shape[0]))
                for pixels in result:
                    if pixels is not None:
                        output.write(pixels.data)
                if result[1] is not None:
                    ids.add(number, result[1])
            if progress:
                unreadable = f' ({len(skipped)} unreadable)' if skipped else ''
                progress(f'decoded{unreadable}', number + 1, len(files))
        class_ids = sorted(ids.numbers.items())
        _write_index(output, {'sizes': sizes, 'skipped': skipped, 'class_ids': class_ids})


def _check_space(
    files: Sequence[ImageFile], preparation: Preparation, place: Path, *, with_masks: bool
) -> None:
    """Say at once that a disk is too small, where the size of all images is known."""
    if preparation.scaling != 'size':
        return
    width, height = preparation.size
    needed = len(files) * width * height * (4 if with_masks else 3)
    free = shutil.disk_usage(place).free
    if needed > free:
        raise DataError(f'it takes {needed / 1e6:.0f} MB, and {free / 1e6:.0f} MB are free')


def _write_index(output: BinaryIO, index: dict[str, Any]) -> None:
    content = json.dumps(index).encode()
    output.write(content + _FOOTER.pack(len(content), _MAGIC))
    # Else the name could outlive a power failure and the pixels not: images would turn black.
    output.flush()
    os.fsync(output.fileno())


def _read_index(path: Path) -> tuple[dict[str, Any], int]:
    """Return the index, and the number of bytes of pixels before it."""
    with path.open('rb') as file:
        end = file.seek(0, os.SEEK_END) - _FOOTER.size
        if end < 0:
            raise ValueError('the file is cut off')
        file.seek(end)
        length, magic = _FOOTER.unpack(file.read(_FOOTER.size))
        if magic != _MAGIC or length > end:
            raise ValueError('the file is no cache or is cut off')
        file.seek(end - length)
        index = json.loads(file.read(length))
    if not isinstance(index, dict):
        raise ValueError('the index is no mapping')
    return index, end - length


def _checked_size(size: Any) -> Size | None:
    if size is None:
        return None
    width, height = int(size[0]), int(size[1])
    if width < 1 or height < 1:
        raise ValueError('the index has an impossible size')
    return width, height
