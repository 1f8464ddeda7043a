"""FrameSet: the frames of a folder, bag or video with what belongs to each, read once in order."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from sim2real_ros.data import Skipped, open_source
from sim2real_ros.data.dataset.drive_order import sort_key
from sim2real_ros.data.dataset.label_files import label_files_of
from sim2real_ros.data.dataset.listing import ListedImage, list_images
from sim2real_ros.data.folder_source import FolderSource, read_rgb
from sim2real_ros.errors import DataError, ImageError
from sim2real_ros.evaluation.frame import IdImage, LanePose, RgbImage, SimFrame
from sim2real_ros.evaluation.frames.belonging_files import BelongingFiles
from sim2real_ros.evaluation.frames.mask_file import read_mask, resize_mask
from sim2real_ros.evaluation.frames.shape import Size, have_same_shape
from sim2real_ros.evaluation.perception.pose_file import pose_of_frame
from sim2real_ros.image import resize

T = TypeVar('T')

BLOCK = 8
"""Frames that follow each other in an even sample, so that it has neighbours in time too."""


@dataclass(frozen=True, eq=False)
class PendingFrame:
    """A frame whose place is known.

    Attributes:
        name: Unique in its set.
        stamp_ns: 0 where it is unknown.
        drive: What it belongs to.
        listed: Its file; None for a frame of a bag or video.
        image: uint8 RGB (H, W, 3), for a frame that can only be read in turn.
    """

    name: str
    stamp_ns: int
    drive: str
    listed: ListedImage | None = None
    image: RgbImage | None = None


@dataclass(frozen=True)
class Belongings:
    """What may lie beside the frames.

    Attributes:
        masks: Folder of masks; None = those that lie beside the images by convention.
        targets: Folder of the known right answers.
        poses: True poses by name or stamp of the frame.
    """

    masks: Path | None = None
    targets: Path | None = None
    poses: Mapping[str | int, LanePose] | None = None


class FrameSet:
    """The frames of a folder, bag or video.

    Args:
        path: Folder of images (with or without a manifest), image, bag or video.
        topic: Image topic of a bag.
        belongings: What lies beside the frames.
        size: (width, height) to bring everything to; None = as it is.
        limit: Read at most so many frames, evenly spread in blocks of neighbours; 0 = all.

    Attributes:
        path: As it was given.
        listed: The files in the order of their drives; () for bags and videos.
        notes: What was guessed.
        skipped: What could not be read, after ``pending`` has come to its end.
        matched_masks: Frames for which a mask was found so far.
        matched_targets: Frames for which a target was found so far.

    Raises:
        DataError: There is nothing to read.
    """

    def __init__(
        self,
        path: Path,
        topic: str | None = None,
        belongings: Belongings | None = None,
        *,
        size: tuple[int, int] | None = None,
        limit: int = 0,
    ) -> None:
        """List the frames; none is decoded yet."""
        self.path, self._size, self._limit = path, size, limit
        self._source = open_source(path, topic)
        self.listed: tuple[ListedImage, ...] = ()
        self.notes: tuple[str, ...] = ()
        self.skipped: list[Skipped] = []
        if isinstance(self._source, FolderSource) and path.is_dir():
            listing = list_images([path])
            ordered = sorted(listing.images, key=lambda i: (i.sequence, sort_key(i.order)))
            self.listed, self.notes = tuple(ordered), listing.notes
            self.skipped = [Skipped(each.where, each.reason) for each in listing.omissions]
        belongings = belongings or Belongings()
        names = [image.name for image in self.listed]
        self._masks = self._targets = None
        if belongings.masks:
            self._masks = BelongingFiles(belongings.masks, 'masks', names)
        if belongings.targets:
            self._targets = BelongingFiles(belongings.targets, 'targets', names)
        self.matched_masks = self.matched_targets = 0
        self._poses = belongings.poses or {}

    @property
    def count(self) -> int | None:
        """Number of frames to come, None where the source does not know."""
        total = len(self.listed) or self._source.info().frame_count
        return min(total, self._limit) if total and self._limit else total

    def pending(self) -> Iterator[PendingFrame]:
        """Yield the frames in the order of their drives; not thread-safe."""
        found = self._pending_files() if self.listed else self._pending_stream()
        total = len(self.listed) or self._source.info().frame_count
        if not self._limit or (total and total <= self._limit):
            yield from found
            return
        taken = 0
        for number, frame in enumerate(found):
            if _is_sampled(number, total, self._limit) and taken < self._limit:
                taken += 1
                yield frame

    def load(self, frame: PendingFrame) -> tuple[SimFrame, tuple[str, ...]]:
        """Read a frame and what belongs to it; thread-safe.

        Returns:
            The frame; and why its mask or target is missing though there is a file.

        Raises:
            DataError: The image cannot be read.
        """
        image = frame.image if frame.image is not None else _read(frame)
        original = (image.shape[1], image.shape[0])
        if self._size:
            image = resize(image, self._size)
        size = (image.shape[1], image.shape[0])
        problems: list[str] = []
        mask = _attempt(problems, lambda: self._mask(frame, original, size))
        target = _attempt(problems, lambda: self._target(frame, original, size))
        pose = pose_of_frame(self._poses, frame.name, frame.stamp_ns)
        loaded = SimFrame(
            frame.name,
            image,
            frame.stamp_ns,
            frame.drive,
            mask,
            target,
            pose,
            original_size=original,
        )
        return loaded, tuple(problems)

    def _mask(self, frame: PendingFrame, original: Size, size: Size) -> IdImage | None:
        path = self._mask_path(frame)
        if path is None:
            return None
        self.matched_masks += 1
        return resize_mask(read_mask(path), original, size)

    def _target(self, frame: PendingFrame, original: Size, size: Size) -> RgbImage | None:
        path = self._targets.find(frame.name, frame.stamp_ns) if self._targets else None
        if path is None:
            return None
        self.matched_targets += 1
        return _fitting(read_rgb(path), original, size, path)

    def _mask_path(self, frame: PendingFrame) -> Path | None:
        if self._masks:
            return self._masks.find(frame.name, frame.stamp_ns)
        if frame.listed is None:
            return None
        files = label_files_of(frame.listed).files
        return next((each.path for each in files if each.kind == 'masks'), None)

    def _pending_files(self) -> Iterator[PendingFrame]:
        for each in self.listed:
            yield PendingFrame(each.name, each.stamp_ns or 0, each.sequence, each)

    def _pending_stream(self) -> Iterator[PendingFrame]:
        drive = self.path.name
        has_stamps = self._source.info().kind == 'bag'
        for number, frame in enumerate(self._source):
            # As `sim2real translate --frames` names the frames of a video.
            numbered = f'frame_{number:08d}'
            name = frame.name or (str(frame.stamp_ns) if has_stamps else numbered)
            yield PendingFrame(name, frame.stamp_ns, drive, None, frame.image)
        self.skipped += self._source.skipped


def _is_sampled(number: int, total: int | None, limit: int) -> bool:
    """Tell whether a frame is in an even sample of blocks; without a total, the first are."""
    if total is None:
        return True
    blocks = max(1, limit // BLOCK)
    first = -(-(number * blocks // total) * total // blocks)
    return number - first < -(-limit // blocks)


def _read(frame: PendingFrame) -> RgbImage:
    assert frame.listed is not None
    return read_rgb(frame.listed.path)


def _attempt(problems: list[str], read: Callable[[], T | None]) -> T | None:
    try:
        return read()
    except DataError as error:
        problems.append(str(error))
        return None


def _fitting(image: RgbImage, original: Size, size: Size, path: Path) -> RgbImage:
    """Bring an image to the size that the frame of its shape was brought to.

    Raises:
        DataError: The aspect ratio differs by more than 2 %.
    """
    width, height = image.shape[1], image.shape[0]
    if not have_same_shape((width, height), original):
        raise DataError(
            f'{str(path)!r} has {width}x{height} pixels, its frame {original[0]}x{original[1]}: '
            'expected the same aspect ratio'
        )
    try:
        return resize(image, size)
    except ImageError as error:
        raise DataError(f'{str(path)!r}: {error}') from error
