"""Write small data sets by hand, file by file, as other tools write them."""

import zipfile
from pathlib import Path

import numpy as np

from sim2real_ros.image.encode_file import encode_file


def picture(width: int = 200, height: int = 100) -> bytes:
    """Return a PNG of one colour."""
    return encode_file(np.full((height, width, 3), 90, np.uint8), 'png')


def write_tree(folder: Path, files: dict[str, str | bytes]) -> Path:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    return folder


def write_zip(path: Path, files: dict[str, str | bytes]) -> Path:
    with zipfile.ZipFile(path, 'w', zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path
