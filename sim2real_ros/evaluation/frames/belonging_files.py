"""BelongingFiles: find the file of a folder that belongs to a frame, by name or by stamp."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from sim2real_ros.data.folder_source import image_files
from sim2real_ros.errors import DataError


class BelongingFiles:
    """Image files of one folder, such as masks, that are named like the frames.

    A frame ``trainA/drive/0012.jpg`` has ``trainA/drive/0012.png``, else the only file
    ``0012.png`` at any depth; a frame of a bag has ``<stamp in ns>.png``.

    Args:
        folder: Searched at any depth.
        what: For errors: ``masks``.
        frames: Names of the frames, where they are known: of two that are called alike in
            different folders, none takes a file by its name alone.

    Raises:
        DataError: There is no such folder, or no image in it.
    """

    def __init__(self, folder: Path, what: str, frames: Iterable[str] = ()) -> None:
        """Index the files."""
        if not folder.is_dir():
            raise DataError(f'{str(folder)!r} is no folder; expected the folder of the {what}.')
        files = image_files(folder, recursive=True)
        if not files:
            raise DataError(f'No images in {str(folder)!r}; expected the {what} as image files.')
        self.folder = folder
        self._by_path: dict[str, Path] = {}
        by_name: dict[str, list[Path]] = defaultdict(list)
        for file in files:
            self._by_path[file.relative_to(folder).with_suffix('').as_posix()] = file
            by_name[file.stem].append(file)
        namesakes = Counter(PurePosixPath(name).stem for name in frames)
        self._by_name = {
            name: found[0]
            for name, found in by_name.items()
            if len(found) == 1 and namesakes[name] <= 1
        }

    def find(self, name: str, stamp_ns: int = 0) -> Path | None:
        """Return the file of a frame, None where there is none or several may be it.

        Args:
            name: Of the frame, with forward slashes.
            stamp_ns: Of the frame; 0 where it is unknown.
        """
        path = PurePosixPath(name).with_suffix('') if name else PurePosixPath('-')
        found = self._by_path.get(path.as_posix()) or self._by_name.get(path.name)
        if found is None and stamp_ns:
            found = self._by_name.get(str(stamp_ns))
        return found
