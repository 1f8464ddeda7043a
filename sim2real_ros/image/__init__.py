"""Everything about pixels: encodings, byte layouts, compression, resizing.

The only room that knows encodings, BGR, row padding and JPEG; everybody else sees uint8 RGB
arrays of shape (H, W, 3). Knows no ROS: messages are read by their attributes.
"""

from sim2real_ros.errors import ImageError
from sim2real_ros.image.compressed import codec_of, compress, decompress, original_encoding
from sim2real_ros.image.encodings import ENCODINGS
from sim2real_ros.image.limits import MAX_IMAGE_BYTES, MAX_SIDE_PX
from sim2real_ros.image.messages import ImageLike, OutputLayout, RawImage, layout_like
from sim2real_ros.image.placement import PLACEMENTS, Placement, place, place_image, place_mask
from sim2real_ros.image.raw import decode, encode_into, rgb_view
from sim2real_ros.image.resizing import INTERPOLATIONS, resize

__all__ = [
    'ENCODINGS',
    'INTERPOLATIONS',
    'MAX_IMAGE_BYTES',
    'MAX_SIDE_PX',
    'PLACEMENTS',
    'ImageError',
    'ImageLike',
    'OutputLayout',
    'Placement',
    'RawImage',
    'codec_of',
    'compress',
    'decode',
    'decompress',
    'encode_into',
    'layout_like',
    'original_encoding',
    'place',
    'place_image',
    'place_mask',
    'resize',
    'rgb_view',
]
