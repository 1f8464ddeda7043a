#!/usr/bin/env python3
"""Play a bag through the real node, and show what comes out beside what went in."""

import argparse
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
DEFAULT_BAG = HERE / 'demo/drive'
DEFAULT_MODEL = HERE.parent / 'models/bilateral_grid_duckietown.onnx'
DESCRIPTION = f"""{__doc__}

bag_player -> perception_proxy -> bag_recorder, three processes that meet over DDS in a ROS domain
of their own. Leaves a picture, a video, a rosbag2 with the translated frames and a report."""
EXAMPLES = """examples:
  python tools/demo.py
  python tools/demo.py --bag drive.mcap --topic /camera/image_raw --model my_generator.onnx
  python tools/demo.py --bag old_drive.bag --rate 2 --output /tmp/old_drive

The same with make:
  make demo BAG=drive.mcap TOPIC=/camera/image_raw MODEL=my_generator.onnx
  make demo BAG=old_drive.bag RATE=2 OUTPUT=/tmp/old_drive
"""


def parser() -> argparse.ArgumentParser:
    """Return the description of the command line."""
    result = argparse.ArgumentParser(
        description=DESCRIPTION,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = result.add_argument
    add(
        '--bag',
        type=Path,
        default=DEFAULT_BAG,
        help='ROS 1 .bag, rosbag2 folder, .mcap or .db3 (default: the drive in tools/demo)',
    )
    add('--topic', help='image topic, raw or compressed (default: the only one of the bag)')
    add('--camera-info', metavar='TOPIC', help='default: the one beside the image topic')
    add(
        '--model',
        default=str(DEFAULT_MODEL),
        help='.onnx file, or the name of one in models/ (default: bilateral_grid_duckietown)',
    )
    add(
        '--output',
        type=Path,
        default=Path('demo_output'),
        help='folder for the results (default: demo_output)',
    )
    add('--rate', type=float, default=1.0, help='bag seconds per second (default: 1.0)')
    return result


def main(arguments: list[str] | None = None) -> int:
    """Run the demo; return 0, 1 after an error that was explained, 130 when interrupted."""
    options = parser().parse_args(arguments)
    sys.path.insert(0, str(HERE / 'demo'))
    from demo_run import run_demo

    return run_demo(options)


if __name__ == '__main__':
    sys.exit(main())
