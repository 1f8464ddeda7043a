"""Build PNG and JPEG files byte by byte, so that tests can break them on purpose."""

import struct
import zlib

import cv2
import numpy as np


def smooth_rgb(width=48, height=32, seed=0):
    """A picture without hard edges, which JPEG keeps almost as it is."""
    small = np.random.default_rng(seed).integers(0, 256, (4, 4, 3), np.uint8)
    return cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC)


def jpeg(pixels, *parameters):
    """Compress RGB or grey pixels with OpenCV alone."""
    return cv2.imencode('.jpg', _opencv_order(pixels), list(parameters))[1].tobytes()


def png(pixels):
    return cv2.imencode('.png', _opencv_order(pixels))[1].tobytes()


def _opencv_order(pixels):
    codes = {3: cv2.COLOR_RGB2BGR, 4: cv2.COLOR_RGBA2BGRA}
    return pixels if pixels.ndim == 2 else cv2.cvtColor(pixels, codes[pixels.shape[2]])


def chunk(kind, payload):
    checksum = zlib.crc32(kind + payload)
    return struct.pack('>I', len(payload)) + kind + payload + struct.pack('>I', checksum)


def png_of(width, height, bits, colour_type, rows, extra=b''):
    """Assemble a PNG by its specification: signature, IHDR, extra chunks, IDAT, IEND."""
    header = struct.pack('>IIBBBBB', width, height, bits, colour_type, 0, 0, 0)
    pixels = zlib.compress(rows)
    body = chunk(b'IHDR', header) + extra + chunk(b'IDAT', pixels) + chunk(b'IEND', b'')
    return b'\x89PNG\r\n\x1a\n' + body


def segment(marker, payload):
    return struct.pack('>BBH', 0xFF, marker, len(payload) + 2) + payload


def with_thumbnail(data):
    """Put an embedded JPEG with its own end marker into an Exif segment."""
    thumbnail = jpeg(smooth_rgb(16, 16))
    return data[:2] + segment(0xE1, b'Exif\x00\x00' + thumbnail) + data[2:]


def with_jpeg_size(data, width, height):
    """Write another size into the frame header."""
    at = max(data.find(b'\xff\xc0'), data.find(b'\xff\xc2')) + 5
    return data[:at] + struct.pack('>HH', height, width) + data[at + 4 :]


def with_png_size(data, width, height):
    header = struct.pack('>II', width, height) + data[24:29]
    return data[:8] + chunk(b'IHDR', header) + data[33:]
