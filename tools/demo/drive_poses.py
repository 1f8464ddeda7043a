#!/usr/bin/env python3
"""Write the true poses of the demo drive's camera in its lane, from the scene itself."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from drive_scene import EDGE_M, SPEED_M_S, Scene, build_scene
from render_drive import RATE_HZ, START_NS

from sim2real_ros.errors import DataError, Sim2RealError
from sim2real_ros.files.atomic_write import write_atomically

POSES_NAME = 'poses.json'
YELLOW_EDGE_M, WHITE_EDGE_M = 0.0125, EDGE_M - 0.024
"""Inner edges of the lane's lines, to the right of the centre line."""
LANE_CENTRE_M = (YELLOW_EDGE_M + WHITE_EDGE_M) / 2


def main(argv: list[str] | None = None) -> int:
    """Run the program and return its exit status: 0, or 1 for an error."""
    options = _parser().parse_args(argv)
    path = options.output / POSES_NAME
    try:
        if path.exists() and not options.force:
            raise DataError(f'{str(path)!r} exists: choose another --output, or use --force')
        entries = [json.dumps(each) for each in poses(build_scene(options.seed), options.frames)]
        write_atomically(path, ('[\n' + ',\n'.join(entries) + '\n]\n').encode())
    except (Sim2RealError, OSError) as error:
        print(f'drive_poses: {error}', file=sys.stderr)
        return 1
    print(path)
    return 0


def poses(scene: Scene, count: int) -> Iterator[dict[str, Any]]:
    """Yield the entries of a pose file, as `load_poses` of the evaluation reads it.

    The camera is abreast of the point of the centre line that its speed has brought it to, so no
    nearest point has to be looked for.
    """
    for number in range(count):
        time_s = number / RATE_HZ
        eye, view = scene.camera(time_s)
        heading = float(scene.track.heading(SPEED_M_S * time_s)[0])
        offset = eye[:2] - scene.track.at(SPEED_M_S * time_s, 0.0)[0]
        left_m = float(offset @ [-np.sin(heading), np.cos(heading)])
        turn = float(np.arctan2(view[1], view[0])) - heading
        yield {
            'stamp_ns': START_NS + number * 1_000_000_000 // RATE_HZ,
            'd_m': round(left_m + LANE_CENTRE_M, 5),
            'phi_rad': round((turn + np.pi) % (2 * np.pi) - np.pi, 5),
        }


def _parser() -> argparse.ArgumentParser:
    """Build the command line."""
    parser = argparse.ArgumentParser(prog='drive_poses.py', description=__doc__)
    parser.add_argument(
        '--output',
        type=Path,
        default=Path(__file__).resolve().parent,
        metavar='FOLDER',
        help=f'receives {POSES_NAME} (default: the folder of this program)',
    )
    parser.add_argument('--frames', type=int, default=150, help='number at 10 Hz (default: 150)')
    parser.add_argument('--seed', type=int, default=1, help='seed of the scene (default: 1)')
    parser.add_argument('--force', action='store_true', help='overwrite earlier poses')
    return parser


if __name__ == '__main__':
    sys.exit(main())
