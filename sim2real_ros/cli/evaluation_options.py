"""The options of the verb evaluate, by subject."""

import argparse
from pathlib import Path

from sim2real_ros.cli.options import add_jobs_option, image_size, positive
from sim2real_ros.runtime.backends import BACKENDS, PROVIDERS


def add_evaluation_options(parser: argparse.ArgumentParser) -> None:
    """Declare all options but the sources and the output."""
    _add_sources(parser.add_argument_group('what belongs to the frames'))
    _add_perception(parser.add_argument_group('perception'))
    _add_networks(parser.add_argument_group('networks that describe images'))
    _add_running(parser.add_argument_group('running'))


def _add_sources(group: argparse._ArgumentGroup) -> None:
    def path(option: str, text: str) -> None:
        group.add_argument(option, type=Path, metavar='PATH', help=text)

    path('--real', 'real frames: folder, bag or video (default: testB of a data set)')
    path('--masks', 'folder of masks, named like the frames (default: those beside the images)')
    path('--real-masks', 'the same of the real frames')
    path('--targets', 'folder of the known right answers, named like the frames')
    path('--poses', 'true poses in the lane, a JSON file')
    path('--training-real', 'real frames that were trained on, to find memorised ones (default: '
         'trainB of a data set)')  # fmt: skip
    path('--training-sim', 'simulated frames that were trained on, to find frames unlike them '
         "(default: trainA of a data set, else the models' cards)")  # fmt: skip
    group.add_argument('--topic', metavar='NAME', help='image topic of simulated bags')
    group.add_argument('--real-topic', metavar='NAME', help='image topic of the real bag')


def _add_perception(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add(
        '--thresholds',
        action='append',
        default=[],
        metavar='NAME|YAML',
        help="a robot's colour thresholds: duckietown_real, duckietown_sim, or a file; repeatable",
    )
    add(
        '--camera',
        default='',
        metavar='NAME|YAML',
        help='camera and lane, for poses from lines: duckietown_lane, or a file',
    )
    add(
        '--object-ids',
        type=int,
        nargs='+',
        default=[],
        metavar='ID',
        help='ids in the masks of things that shall neither move nor vanish',
    )
    add('--segmenter', type=Path, metavar='ONNX', help='segmentation network, its card beside it')
    add('--detector', type=Path, metavar='YAML', help='describes a detector (ONNX)')
    add('--labels', type=Path, metavar='PATH', help='boxes of the simulated frames for it')


def _add_networks(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add(
        '--features',
        type=Path,
        action='append',
        default=[],
        metavar='ONNX',
        help='a further network; EfficientNet-Lite0 is always there',
    )
    add('--inception', type=Path, metavar='ONNX', help='the Inception of FID')
    add('--lpips', type=Path, metavar='FOLDER', help='network and weights of LPIPS')  # fmt: skip


def _add_running(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add('--size', type=image_size, metavar='WxH', help='bring all frames to this size first')
    add('--max-frames', type=positive, default=0, metavar='N', help='an even sample of each set')
    add('--backend', choices=('auto', *BACKENDS), default='auto', help='default: %(default)s')
    add('--provider', choices=PROVIDERS, default='auto', help='default: %(default)s')
    add('--seed', type=int, default=0, metavar='N', help='of samples (default: %(default)s)')
    add_jobs_option(group)
