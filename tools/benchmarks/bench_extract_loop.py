"""The obvious script: read a bag with rosbags, resize with OpenCV, write PNG, one by one."""

import sys
from pathlib import Path

import cv2
import numpy as np
from rosbags.highlevel import AnyReader


def main() -> int:
    """Extract one topic: arguments are bag, topic and output folder."""
    bag, topic, output = sys.argv[1:4]
    Path(output).mkdir(parents=True)
    with AnyReader([Path(bag)]) as reader:
        connections = [each for each in reader.connections if each.topic == topic]
        for number, (connection, _, raw) in enumerate(reader.messages(connections)):
            message = reader.deserialize(raw, connection.msgtype)
            bgr = cv2.imdecode(np.asarray(message.data), cv2.IMREAD_COLOR)  # type: ignore[attr-defined]
            if bgr is not None:
                resized = cv2.resize(bgr, (512, 384))
                cv2.imwrite(f'{output}/{number:06d}.png', resized)
    return 0


if __name__ == '__main__':
    sys.exit(main())
