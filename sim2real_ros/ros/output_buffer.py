"""The message that a translated image is written into, again and again."""

import numpy as np
from numpy.typing import NDArray
from sensor_msgs.msg import Image

from sim2real_ros.image import ImageLike, OutputLayout, encode_into, rgb_view
from sim2real_ros.runtime.pixel_format import RgbImage


class OutputBuffer:
    """An Image message of one layout, with a place for the model to write to.

    The bytes of a message of the right size are never allocated anew: setting ``data`` copies it,
    and fresh pages cost more than the copy.
    """

    def __init__(self, layout: OutputLayout) -> None:
        """Allocate the message.

        Args:
            layout: Encoding, size and row length of the images to come.
        """
        self.layout = layout
        self.message = Image(
            height=layout.height,
            width=layout.width,
            encoding=layout.encoding,
            is_bigendian=int(layout.is_bigendian),
            step=layout.step,
            data=bytes(layout.size_bytes),
        )
        self._bytes: NDArray[np.uint8] = np.frombuffer(self.message.data, np.uint8)
        view = rgb_view(self._bytes, layout)
        self._is_direct = view is not None and bool(view.flags.c_contiguous)
        scratch = np.empty((layout.height, layout.width, 3), np.uint8)
        self.target: RgbImage = view if view is not None and self._is_direct else scratch
        """Where the model shall write, (H, W, 3) RGB: the message itself if it is plain rgb8."""

    def encode(self, rgb: RgbImage, source: ImageLike, decoded: RgbImage) -> None:
        """Bring the result into the message, unless it was written there.

        Args:
            rgb: The result, of the layout's size.
            source: The message it came from; unchanged pixels keep its bytes.
            decoded: ``source`` as RGB.

        Raises:
            ImageError: The result does not have the layout's size.
        """
        if rgb is not self.target or not self._is_direct:
            encode_into(self._bytes, self.layout, rgb, source=source, decoded=decoded)
