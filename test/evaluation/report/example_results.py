"""Results as an evaluation of some models over a drive would give them."""

import dataclasses

import numpy as np

from sim2real_ros.evaluation.bootstrap import bootstrap_mean
from sim2real_ros.evaluation.quantity import Quantity, Value
from sim2real_ros.evaluation.results import (
    CandidateResults,
    EvaluationResults,
    PictureRow,
    QuantityGroup,
)

LOOK = QuantityGroup(
    'distribution',
    'Does it look real?',
    'Distances between translated and real frames in the features of a network.',
    (
        Quantity(
            'kid',
            'Kernel distance',
            'lower',
            'Squared maximum mean discrepancy with a cubic kernel between the features of both '
            'sets. 0 where they are alike; slightly negative values occur by chance.',
            source='Binkowski et al., Demystifying MMD GANs, 2018',
            decimals=4,
        ),
        Quantity('fid', 'Fréchet distance', 'lower', 'Distance of two normal '
                 'distributions fitted to the features.', limits=(0, None), decimals=1),
        Quantity('density', 'Density', 'higher', 'How many real neighbourhoods hold a frame.',
                 limits=(0, None)),
        Quantity('coverage', 'Coverage', 'higher', 'Share of real frames with a neighbour.',
                 limits=(0, 1)),
    ),
)  # fmt: skip
KEEP = QuantityGroup(
    'structure',
    'Does everything stay in its place?',
    'Edges and labels of the simulated frame, looked for in the translated one.',
    (
        Quantity('edge_f1', 'Edge F1', 'higher', 'Agreement of Canny edges within two pixels. '
                 '1 where every edge stayed.', limits=(0, 1)),
        Quantity('white_line_iou', 'White line IoU', 'higher', 'Overlap of the pixels that a '
                 'colour threshold finds with those of the mask.', limits=(0, 1)),
        Quantity('ssim', 'SSIM of the luminance', 'higher', 'Structural similarity.',
                 limits=(-1, 1), source='Wang et al., 2004'),
        Quantity('shift_px', 'Shift', 'lower', 'Displacement found by phase correlation.', 'px',
                 (0, None), decimals=2),
    ),
)  # fmt: skip
TIME = QuantityGroup(
    'temporal',
    'Is it steady?',
    'Changes from one frame to the next that the simulation does not explain.',
    (
        Quantity('warp_error_levels', 'Warp error', 'lower', 'Difference to the warped frame '
                 'before it, beyond that of the simulation.', 'levels', (0, 255), decimals=2),
        Quantity('mean_luminance', 'Mean luminance', 'neither', 'How bright the frames are.',
                 'levels', (0, 255), decimals=1),
    ),
)  # fmt: skip

# Mean and deviation of the frames' values, by candidate.
LEVELS = {
    'sim': {'edge_f1': (1, 0), 'white_line_iou': (0.83, 0.05), 'ssim': (1, 0),
            'shift_px': (0, 0), 'warp_error_levels': (2.4, 0.6), 'mean_luminance': (128, 6)},
    'cyclegan': {'edge_f1': (0.71, 0.07), 'white_line_iou': (0.66, 0.11), 'ssim': (0.62, 0.05),
                 'shift_px': (1.4, 0.5), 'warp_error_levels': (6.2, 1.9),
                 'mean_luminance': (112, 11)},
    'cut': {'edge_f1': (0.82, 0.05), 'white_line_iou': (0.86, 0.05), 'ssim': (0.74, 0.04),
            'shift_px': (0.6, 0.2), 'warp_error_levels': (3.9, 1.1), 'mean_luminance': (119, 8)},
    'colour transfer': {'edge_f1': (0.97, 0.01), 'white_line_iou': (0.835, 0.06),
                        'ssim': (0.93, 0.02), 'shift_px': (0.05, 0.02),
                        'warp_error_levels': (2.45, 0.6), 'mean_luminance': (117, 6)},
    'real': {'white_line_iou': (0.81, 0.09), 'mean_luminance': (116, 14)},
}  # fmt: skip
OF_THE_SET = {
    'sim': {'kid': Value(0.0931, 500, std_error=0.0021), 'fid': Value(141.2, 500),
            'density': Value(0.12, 500, 0.1, 0.14), 'coverage': Value(0.08, 500, 0.07, 0.1)},
    'cyclegan': {'kid': Value(0.0312, 500, std_error=0.0014), 'fid': Value(74.9, 500),
                 'density': Value(0.71, 500, 0.66, 0.76),
                 'coverage': Value(0.52, 500, 0.48, 0.56)},
    'cut': {'kid': Value(0.0294, 500, std_error=0.0013), 'fid': Value(71.3, 500),
            'density': Value(0.78, 500, 0.73, 0.83), 'coverage': Value(0.55, 500, 0.51, 0.59)},
    'colour transfer': {'kid': Value(0.0622, 500, std_error=0.0018), 'fid': Value(103.4, 500),
                        'density': Value(0.33, 500, 0.3, 0.36),
                        'coverage': Value(0.24, 500, 0.21, 0.27)},
    'real': {'kid': Value(-0.0002, 250, std_error=0.0009)},
}  # fmt: skip
DESCRIPTIONS = {
    'sim': 'simulated frames as they are',
    'cyclegan': 'cyclegan_tiny.onnx, 256x192, 60 epochs',
    'cut': 'cut_small.onnx, 256x192, 40 epochs',
    'colour transfer': 'fit-colour, Reinhard in Lab',
    'real': 'folder real/test',
}


def drawn_road(seed, size=(96, 128)):
    """Draw something like a road, uint8 RGB."""
    height, width = size
    y, x = np.mgrid[:height, :width]
    image = np.full((height, width, 3), (90, 95, 100), np.uint8)
    image[y < height // 3] = (140 + 10 * seed % 90, 180, 230)
    image[(abs(x - width / 2 + seed - y / 2) < 3) & (y >= height // 3)] = (240, 220, 40)
    return image


def example_results(frames=150, pictures=None):
    """Make results of three candidates between sim and real.

    Args:
        frames: How many were judged.
        pictures: RGB pictures by candidate for each row; drawn ones by default.
    """
    if pictures is None:
        pictures = [{name: drawn_road(5 * n + row) for n, name in enumerate(LEVELS)}
                    for row in range(2)]  # fmt: skip
    captions = ["drive/000042.png: lowest edge F1 of 'cyclegan'", 'drive/000120.png: at random']
    return EvaluationResults(
        title='Town drive: three models against real frames',
        groups=(LOOK, KEEP, TIME),
        candidates=tuple(_candidate(name, frames) for name in LEVELS),
        protocol={
            'features': 'efficientnet-lite0, 1280 numbers before the classifier',
            'resize': 'bicubic, antialiased, 224 x 224 (Pillow)',
            'images': f'{frames} simulated, 250 real',
            'seed': '0',
            'sim2real_ros': '0.5.0; numpy 2.2; onnxruntime 1.23',
        },
        warnings=(
            f'{frames} frames are few for a Fréchet distance with 1280 features; trust the kernel '
            'distance.',
            "The masks of 'drive' are displaced against the pictures by about 3 px.",
        ),
        pictures=tuple(PictureRow(captions[row % 2], each) for row, each in enumerate(pictures)),
    )


def _candidate(name, frames):
    random = np.random.default_rng(sum(map(ord, name)))
    role = name if name in ('sim', 'real') else 'candidate'
    per_frame, values = {}, dict(OF_THE_SET[name])
    for key, (mean, deviation) in LEVELS[name].items():
        slow = np.convolve(random.normal(size=frames + 14), np.ones(15) / 15, 'valid') * 3
        series = mean + deviation * (slow + 0.5 * random.normal(size=frames))
        if key == 'white_line_iou':
            series[frames // 3 : frames // 2] = np.nan
        if key == 'warp_error_levels':
            series[0] = np.nan
        limit = 1.0 if key in ('edge_f1', 'white_line_iou', 'ssim') else np.inf
        per_frame[key] = np.clip(series, 0, limit)
        defined = per_frame[key][~np.isnan(per_frame[key])]
        values[key] = bootstrap_mean(defined)
    problems = ('3 frames have no mask; White line IoU leaves them out.',) if name == 'cut' else ()
    return CandidateResults(
        name=name,
        role=role,
        description=DESCRIPTIONS[name],
        frames=frames,
        values=values,
        per_frame=per_frame,
        frame_names=tuple(f'drive/{n:06d}.png' for n in range(frames)),
        problems=problems,
    )


def renamed(results, name, new):
    """Return the results with another name of a candidate, in the pictures, too."""
    return dataclasses.replace(
        results,
        candidates=tuple(
            dataclasses.replace(each, name=new if each.name == name else each.name)
            for each in results.candidates
        ),
        pictures=tuple(
            PictureRow(
                row.caption,
                {new if each == name else each: image for each, image in row.pictures.items()},
            )
            for row in results.pictures
        ),
    )
