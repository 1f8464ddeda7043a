"""Run the ``sim2real`` command and die by SIGKILL at the nth call of one method.

Usage: python kill_driver.py CLASS METHOD N ARGUMENT ...
"""

import os
import signal
import sys

from sim2real_ros.cli import main
from sim2real_ros.files import OutputJob
from sim2real_ros.translation.frame_cache import FrameCache

OWNERS = {'OutputJob': OutputJob, 'FrameCache': FrameCache}


def die_at(owner, method, moment):
    original = getattr(owner, method)
    calls = []

    def counted(*args, **more):
        calls.append(None)
        if len(calls) == moment:
            os.kill(os.getpid(), signal.SIGKILL)
        return original(*args, **more)

    setattr(owner, method, counted)


if __name__ == '__main__':
    die_at(OWNERS[sys.argv[1]], sys.argv[2], int(sys.argv[3]))
    sys.exit(main(sys.argv[4:]))
