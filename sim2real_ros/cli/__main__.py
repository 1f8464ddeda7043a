"""Run the ``sim2real`` command as ``python -m sim2real_ros.cli``."""

import sys

from sim2real_ros.cli import main

sys.exit(main())
