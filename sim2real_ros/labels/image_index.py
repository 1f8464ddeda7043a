"""ImageIndex: find the image that labels belong to, and its size, in the folders given."""

from collections.abc import Sequence
from dataclasses import dataclass

from sim2real_ros.errors import DataError, ImageError
from sim2real_ros.image.file_size import size_of_image_file
from sim2real_ros.labels.image_names import is_image, possible_names, stem_of
from sim2real_ros.labels.tree import Tree

_LABEL_FOLDERS = ('masks', 'labels', 'instances')


@dataclass(frozen=True)
class FoundImage:
    """An image file of a tree."""

    tree: Tree
    name: str

    def size(self) -> tuple[int, int]:
        """Return (width, height) in pixels as viewers show it.

        Raises:
            DataError: It cannot be read or is no image.
        """
        try:
            return size_of_image_file(lambda limit: self.tree.read(self.name, limit))
        except ImageError as error:
            raise DataError(f'{self.name!r}: {error}.') from error

    def read(self) -> bytes:
        """Return the file's bytes.

        Raises:
            DataError: It cannot be read.
        """
        return self.tree.read(self.name)


class ImageIndex:
    """The images of some trees, to be found by their names without regard to suffixes.

    A data set that was exported without its images names ``a.jpg`` what may be ``a.png``, so only
    an exact name goes before one of another suffix.
    """

    def __init__(self, trees: Sequence[Tree]) -> None:
        """Index the images of trees; those of the first are found first."""
        self._trees = [(tree, _Names(tree)) for tree in trees]

    def find(self, image: str, subset: str = '') -> FoundImage | None:
        """Find an image by the path that its labels give it, in any usual layout."""
        candidates = possible_names(image, subset)
        for tree, names in self._trees:
            name = names.find(candidates)
            if name is not None:
                return FoundImage(tree, name)
        return None


class _Names:
    def __init__(self, tree: Tree) -> None:
        images = [name for name in tree.names if is_image(name)]
        self._exact = frozenset(images)
        pictures = [name for name in images if not _is_label(name)]
        # Reversed, so that the first of several counts.
        self._by_stem = {stem_of(name): name for name in reversed(pictures)}
        self._by_file: dict[str, list[str]] = {}
        for name in pictures:
            self._by_file.setdefault(stem_of(name).rpartition('/')[2], []).append(name)

    def find(self, candidates: Sequence[str]) -> str | None:
        for name in candidates:
            if name in self._exact:
                return name
        for name in candidates:
            if stem_of(name) in self._by_stem:
                return self._by_stem[stem_of(name)]
        # Labels know more folders than the images have: the file's name decides if it is unique.
        same = self._by_file.get(stem_of(candidates[0]).rpartition('/')[2], [])
        if len(same) < 2:
            return same[0] if same else None
        # Images lie in one folder more, as in the zip of a folder: the end of the path decides.
        for name in candidates:
            ends = [each for each in same if stem_of(each).endswith(f'/{stem_of(name)}')]
            if len(ends) == 1:
                return ends[0]
        return None


def _is_label(name: str) -> bool:
    return name.split('/', 1)[0] in _LABEL_FOLDERS and '/' in name
