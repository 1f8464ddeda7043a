#!/usr/bin/env python3
"""Train a generator with the options of the original CycleGAN, pix2pix and CUT programs.

What `sim2real train` and `sim2real export` do, for scripts of those programs.
"""

import sys
from pathlib import Path

# The folder of this file holds programs, no modules: 'test' is a package of Python's own.
sys.path[0] = str(Path(__file__).resolve().parents[1])

from sim2real_ros.cli.seed_program import main  # noqa: E402

if __name__ == '__main__':
    sys.exit(main('train'))
