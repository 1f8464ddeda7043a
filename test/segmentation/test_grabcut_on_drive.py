"""How good GrabCut is on the demo's drive, of which the masks are exact."""

import zipfile
from pathlib import Path

import cv2
import mask_scenes as scenes
import numpy as np
import pytest

from sim2real_ros.data import open_source
from sim2real_ros.image.palette_png import decode_ids
from sim2real_ros.segmentation.grabcut import GrabCutSegmenter

DEMO = Path(__file__).parents[2] / 'tools/demo'
FRAMES = (0, 10, 60)
DASH, OBJECT = 3, 5


@pytest.fixture(scope='module')
def drive():
    """Return (RGB, [(label, mask)]) of some frames; every connected piece is a thing."""
    found = []
    with zipfile.ZipFile(DEMO / 'masks.zip') as masks:
        for number, frame in enumerate(open_source(DEMO / 'drive')):
            if number in FRAMES:
                ids = decode_ids(masks.read(f'{frame.stamp_ns}.png'))
                found.append((frame.image, list(pieces(ids))))
    return found


def pieces(ids):
    for label in (2, DASH, 4, OBJECT):
        count, parts = cv2.connectedComponents((ids == label).astype(np.uint8), connectivity=8)
        for number in range(1, count):
            mask = parts == number
            box = scenes.box_of(mask)
            if mask.sum() >= 60 and min(box[2:] - box[:2]) >= 6:
                yield label, mask


def test_dashes_and_objects_of_the_drive_are_found(drive):
    quality = {}
    for rgb, things in drive:
        boxes = np.array([scenes.box_of(mask) for _, mask in things])
        for (label, mask), each in zip(
            things, GrabCutSegmenter().segment(rgb, boxes), strict=True
        ):
            boxed = mask.sum() / np.prod(scenes.box_of(mask)[2:] - scenes.box_of(mask)[:2])
            quality.setdefault(label, []).append((scenes.iou(each.mask, mask), boxed))
    dashes, objects = (np.mean(quality[label], axis=0) for label in (DASH, OBJECT))
    assert len(quality[DASH]) > 10
    assert len(quality[OBJECT]) > 10
    # Of the boxes themselves: about 0.6. Without leaving out the neighbours' colours: 0.73.
    assert dashes[0] > 0.94 > dashes[1] + 0.25
    assert objects[0] > 0.75 > objects[1] + 0.1
