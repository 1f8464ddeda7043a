"""Small labelled frames whose colours are known."""

import cv2
import numpy as np

IDS = {'white': 2, 'yellow': 3, 'red': 4}
HUES = {'yellow': 27, 'red': 178}


def scene(number, *, hue_shift=0, colours=('white', 'yellow', 'red'), size=(64, 48)):
    """Return RGB image and mask: noisy patches on a grey floor, as if lit a little differently."""
    random = np.random.default_rng(number)
    width, height = size
    hsv = np.zeros((height, width, 3), np.int64)
    hsv[...] = random.normal((100, 30, 80), (5, 6, 10), hsv.shape)
    mask = np.zeros((height, width), np.uint8)
    step = width // 4
    for place, name in enumerate(colours, 1):
        area = np.s_[height // 2 : height - 4, place * step - 4 : place * step + 4]
        patch = hsv[area]
        if name == 'white':
            patch[:] = random.normal((60, 20, 230), (30, 5, 8), patch.shape)
        else:
            patch[:] = random.normal((HUES[name] + hue_shift, 220, 200), (1, 10, 10), patch.shape)
        mask[area] = IDS[name]
    hsv[..., 0] %= 180
    rgb = cv2.cvtColor(hsv.clip(0, 255).astype(np.uint8), cv2.COLOR_HSV2RGB)
    return rgb, mask


def write_frames(folder, count=12, *, with_masks=True, **how):
    """Write frames as images/0000.png with masks/0000.png; return the folder."""
    for name in ('images', 'masks')[: 1 + with_masks]:
        (folder / name).mkdir(parents=True)
    for number in range(count):
        rgb, mask = scene(number, **how)
        cv2.imwrite(str(folder / 'images' / f'{number:04d}.png'), rgb[..., ::-1])
        if with_masks:
            cv2.imwrite(str(folder / 'masks' / f'{number:04d}.png'), mask)
    return folder
