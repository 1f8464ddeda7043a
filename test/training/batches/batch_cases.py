"""Write small folders of images whose pixels tell which image they are from, and where."""

import struct
from pathlib import Path

import cv2
import numpy as np

from sim2real_ros.image.encode_file import encode_file, encode_mask
from sim2real_ros.training.batches import open_training_data
from sim2real_ros.training.options import DataOptions

SIZE = (24, 16)


def coded(number, size=SIZE):
    """Make an image: red is the column, green the row, blue the number."""
    rows, columns = np.mgrid[: size[1], : size[0]]
    return np.dstack([columns, rows, np.full_like(rows, number)]).astype(np.uint8)


def coded_ids(size=SIZE):
    """Make a mask whose ids name their place, up to a period of 7 columns and 5 rows."""
    rows, columns = np.mgrid[: size[1], : size[0]]
    return (columns % 7 + 7 * (rows % 5)).astype(np.uint8)


def noisy(number, size=SIZE):
    """Make an image with structure at all scales, for comparisons of resizing."""
    rng = np.random.default_rng(number)
    coarse = rng.integers(0, 256, (5, 7, 3), np.uint8)
    smooth = cv2.resize(coarse, size, interpolation=cv2.INTER_CUBIC).astype(int)
    return np.clip(smooth + rng.integers(-20, 21, smooth.shape), 0, 255).astype(np.uint8)


def write(path, rgb):
    """Write an image in the format that its suffix names."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == '.png':
        path.write_bytes(encode_file(rgb, 'png'))
    else:
        assert cv2.imwrite(str(path), rgb[..., ::-1])
    return path


def write_mask(path, ids):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(encode_mask(ids))
    return path


def write_coded(folder, count, *, first=0, size=SIZE, suffix='.png'):
    for number in range(first, first + count):
        write(folder / f'{number:03d}{suffix}', coded(number, size))
    return folder


def write_folders(tmp_path, sim=5, real=3, *, size=SIZE):
    """Write sim and real folders; numbers of real images start at 100."""
    write_coded(tmp_path / 'sim', sim, size=size)
    write_coded(tmp_path / 'real', real, first=100, size=size)
    return {'sim': str(tmp_path / 'sim'), 'real': str(tmp_path / 'real')}


def options(tmp_path: Path, **changes):
    """Return options for small images in two folders of ``tmp_path``, unless a root is named."""
    values = {'preprocess': 'crop', 'crop_size': (8, 8), 'load_size': (12, 12)}
    if 'root' not in changes:
        values |= {'sim': str(tmp_path / 'sim'), 'real': str(tmp_path / 'real')}
    return DataOptions(**values | {'cache_folder': str(tmp_path / 'cache')} | changes)


def opened(tmp_path, kind='unpaired', batch_size=1, seed=0, size_multiple=4, classes=0, **changes):
    return open_training_data(
        options(tmp_path, **changes), kind, batch_size, seed,
        size_multiple=size_multiple, classes=classes,
    )  # fmt: skip


def levels(images):
    """Turn (N, 3, H, W) in -1..1 back into uint8 (N, H, W, 3)."""
    exact = (images.double() + 1) * 127.5
    assert (exact - exact.round()).abs().max() < 1e-4
    return exact.round().byte().permute(0, 2, 3, 1).numpy()


def numbers_of(images):
    """Tell which images are in a batch."""
    blue = levels(images)[..., 2]
    assert (blue == blue[:, :1, :1]).all()
    return [int(n) for n in blue[:, 0, 0]]


def place_of(image):
    """Tell (left, top, mirrored) of a crop from a coded image, uint8 (H, W, 3), and check it."""
    red, green = image[..., 0].astype(int), image[..., 1].astype(int)
    mirrored = bool(red[0, 0] > red[0, -1])
    columns = red[:, ::-1] if mirrored else red
    assert (np.diff(columns, axis=1) == 1).all()
    assert (np.diff(green, axis=0) == 1).all()
    return int(columns[0, 0]), int(green[0, 0]), mirrored


def turned_jpeg(rgb, orientation):
    """Encode a JPEG with an Exif note on how to turn it."""
    done, encoded = cv2.imencode('.jpg', rgb[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 100])
    assert done
    content = encoded.tobytes()
    tiff = b'II*\0' + struct.pack('<IHHHII', 8, 1, 0x0112, 3, 1, orientation) + bytes(4)
    exif = b'Exif\0\0' + tiff
    return content[:2] + b'\xff\xe1' + struct.pack('>H', len(exif) + 2) + exif + content[2:]


def assert_same(one, other):
    """Check that two batches are equal bit for bit."""
    for name in ('sim', 'real', 'sim_mask'):
        a, b = getattr(one, name), getattr(other, name)
        assert (a is None) == (b is None)
        assert a is None or (a.dtype == b.dtype and a.shape == b.shape and bool((a == b).all()))
