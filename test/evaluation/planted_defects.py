"""Defects and harmless changes, planted into frames of the demo drive."""

import functools
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from sim2real_ros.data import open_source
from sim2real_ros.evaluation.frame import EvaluatedFrame, LanePose, Previous, SimFrame
from sim2real_ros.evaluation.perception.pose_file import load_poses
from sim2real_ros.image.palette_png import decode_ids

DEMO = Path(__file__).resolve().parents[2] / 'tools' / 'demo'
STARTS, BLOCK = (0, 34, 121), 2
"""First frames of some stretches of the drive, and how many follow each other."""

OBJECT_ID = 5
MAX_OBJECT_AREA = 0.02


@dataclass(frozen=True, eq=False)
class Scene:
    """One frame of the drive: RGB, ids, and the stretch that it belongs to."""

    image: np.ndarray
    mask: np.ndarray
    stamp_ns: int
    pose: LanePose
    block: int


@functools.cache
def scenes(size=(256, 192), starts=STARTS, block=BLOCK):
    """Return frames of the drive, small: so many from each start."""
    poses, found = load_poses(DEMO / 'poses.json'), []
    blocks = {start + i: b for b, start in enumerate(starts) for i in range(block)}
    with zipfile.ZipFile(DEMO / 'masks.zip') as masks:
        for number, frame in enumerate(open_source(DEMO / 'drive')):
            if number in blocks:
                ids = decode_ids(masks.read(f'{frame.stamp_ns}.png'))
                image = cv2.resize(frame.image, size, interpolation=cv2.INTER_AREA)
                mask = cv2.resize(ids, size, interpolation=cv2.INTER_NEAREST)
                pose = poses[frame.stamp_ns]
                found.append(Scene(image, mask, frame.stamp_ns, pose, blocks[number]))
    return tuple(found)


def frames(change, size=(256, 192), starts=STARTS, block=BLOCK):
    """Return what a candidate made of the scenes, each with the frame before it."""
    evaluated, before = [], None
    for number, scene in enumerate(scenes(size, starts, block)):
        sim = SimFrame(f'{number}.png', scene.image, scene.stamp_ns, str(scene.block),
                       scene.mask, scene.image, scene.pose)  # fmt: skip
        translated = change(number, scene)
        follows = before is not None and before.sim.drive == sim.drive
        previous = Previous(before.sim, before.translated) if follows else None
        before = EvaluatedFrame(sim, translated, previous)
        evaluated.append(before)
    return evaluated


def clipped(values):
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)


def pixels(scene, of_512):
    """Return a length as it is in frames of 512 pixels."""
    return of_512 * scene.image.shape[1] / 512


def hue_shifted(number, scene):
    hsv = cv2.cvtColor(scene.image, cv2.COLOR_RGB2HSV)
    hsv[..., 0] = (hsv[..., 0].astype(int) + 30) % 180
    return cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB)


def road_bent(number, scene):
    """Move the road to the right, the more the nearer it is."""
    height, width = scene.mask.shape
    rows, columns = np.mgrid[:height, :width].astype(np.float32)
    by = np.clip((rows / height - 0.47) / 0.52, 0, 1) * pixels(scene, 40)
    return cv2.remap(scene.image, columns - by.astype(np.float32), rows, cv2.INTER_LINEAR,
                     borderMode=cv2.BORDER_REPLICATE)  # fmt: skip


def thing(scene):
    """Return which pixels belong to the largest small thing that lies inside; None for none."""
    count, parts, boxes, _ = cv2.connectedComponentsWithStats(
        (scene.mask == OBJECT_ID).astype(np.uint8)
    )
    height, width = scene.mask.shape
    best = None
    for i in range(1, count):
        left, top, w, h, area = boxes[i]
        inside = min(left, top, width - left - w, height - top - h) > pixels(scene, 24)
        if inside and 0.001 < area / scene.mask.size < MAX_OBJECT_AREA:
            best = i if best is None or area > boxes[best][4] else best
    return None if best is None else parts == best


def painted_over(number, scene):
    inside = thing(scene)
    if inside is None:
        return scene.image
    hole = cv2.dilate(inside.astype(np.uint8), np.ones((5, 5), np.uint8))
    return cv2.inpaint(scene.image, hole, 4, cv2.INPAINT_TELEA)


def object_moved(number, scene):
    inside = thing(scene)
    if inside is None:
        return scene.image
    return pasted(painted_over(number, scene), scene, inside, int(pixels(scene, 16)), 0)


def pasted(image, scene, inside, right, down):
    rows, columns = np.nonzero(inside)
    found = image.copy()
    found[rows + down, columns + right] = scene.image[rows, columns]
    return found


def thing_on_the_road(number, scene):
    """Put a striped cone into the middle of the lane."""
    height, width = scene.mask.shape
    found = scene.image.copy()
    x, y, size = int(0.55 * width), int(0.66 * height), pixels(scene, 22)
    for part, colour in ((1.0, (230, 90, 20)), (0.6, (245, 245, 245)), (0.35, (230, 90, 20))):
        corners = [(x, y - size), (x - part * size / 2, y + (2 * part - 1) * size),
                   (x + part * size / 2, y + (2 * part - 1) * size)]  # fmt: skip
        cv2.fillPoly(found, [np.array(corners, np.int32)], colour, cv2.LINE_AA)
    return found


def striped(number, scene):
    found = scene.image.astype(float)
    found[:, -3:-1] += np.where(found[:, -3:-1].mean() > 128, -30, 30)
    return clipped(found)


def checkered(number, scene):
    rows, columns = np.indices(scene.mask.shape)
    return clipped(scene.image + (2.0 * (-1.0) ** (rows + columns))[..., None])


def noisy(number, scene):
    return clipped(scene.image + np.random.default_rng(number).normal(0, 10, scene.image.shape))


def shifted(number, scene):
    by = round(pixels(scene, 8))
    return cv2.copyMakeBorder(scene.image, 0, 0, by, 0, cv2.BORDER_REPLICATE)[:, :-by]


def jpeg(number, scene):
    coded = cv2.imencode('.jpg', scene.image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 90])[1]
    return np.ascontiguousarray(cv2.imdecode(coded, cv2.IMREAD_COLOR)[..., ::-1])


Change = Callable[[int, Scene], np.ndarray]

DEFECTS: dict[str, Change] = {
    'blur of 4 px': lambda n, s: cv2.GaussianBlur(s.image, (0, 0), pixels(s, 4)),
    'noise of 10 levels': noisy,
    'hue turned by 60°': hue_shifted,
    'red and blue exchanged': lambda n, s: np.ascontiguousarray(s.image[..., ::-1]),
    'negative': lambda n, s: 255 - s.image,
    'picture shifted by 8 px': shifted,
    'road bent by up to 40 px': road_bent,
    'object moved by 16 px': object_moved,
    'object painted over': painted_over,
    'cone put on the road': thing_on_the_road,
    'one output for all': lambda n, s: scenes(s.image.shape[1::-1])[0].image,
    'output stands still': lambda n, s: scenes(s.image.shape[1::-1])[n - n % BLOCK].image,
    'brightness flickers by 8': lambda n, s: clipped(s.image + (4.0 if n % 2 else -4.0)),
    'line at the border': striped,
    'checkerboard of 2 levels': checkered,
}

HARMLESS: dict[str, Change] = {
    'untouched': lambda n, s: s.image,
    'brightness + 10': lambda n, s: clipped(s.image + 10.0),
    'contrast 0.9': lambda n, s: clipped((s.image - 128.0) * 0.9 + 128),
    'JPEG 90': jpeg,
    'gamma 1.1': lambda n, s: clipped(255 * (s.image / 255) ** 1.1),
}
