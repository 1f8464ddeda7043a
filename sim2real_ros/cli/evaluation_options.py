"""The options of the verb evaluate, by subject."""

import argparse
from pathlib import Path

from sim2real_ros.cli.options import add_jobs_option, id_list, image_size, positive
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
    path('--masks', 'folder of masks of ids, named like the frames or <stamp in ns>.png (default: '
         'those beside the images)')  # fmt: skip
    path('--real-masks', 'the same of the real frames')
    path('--targets', 'folder of the known right answers, named like the masks')
    path('--poses', 'true poses in the lane, a JSON file; needs --camera')
    path('--training-real', 'real frames that were trained on, to find memorised ones (default: '
         'trainB of a data set)')  # fmt: skip
    path('--training-sim', 'simulated frames that were trained on, to find frames unlike them, '
         "for models whose cards do not tell (default: trainA of a data set)")  # fmt: skip
    group.add_argument('--topic', metavar='NAME', help='image topic of sim and translated bags')
    group.add_argument('--real-topic', metavar='NAME', help='image topic of the real bag')


def _add_perception(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add('--thresholds', action='append', default=[], metavar='NAME|YAML', help="a robot's colour "
        'thresholds: duckietown_real, duckietown_sim, or a file; repeatable')  # fmt: skip
    add('--camera', default='', metavar='NAME|YAML', help='camera and lane, for poses from lines: '
        'duckietown_lane, or a file; needs --thresholds')  # fmt: skip
    add('--object-ids', type=id_list, default=(), metavar='ID,ID', help='ids in the masks of '
        'things that shall neither move nor vanish')  # fmt: skip
    add('--segmenter', type=Path, metavar='ONNX', help='segmentation network, its card beside it')
    add('--detector', type=Path, metavar='YAML', help='describes a detector (ONNX)')
    add('--labels', type=Path, metavar='PATH', help='boxes of the simulated frames; needs '
        '--detector')  # fmt: skip


def _add_networks(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add('--features', type=Path, action='append', default=[], metavar='ONNX', help='a further '
        'network; EfficientNet-Lite0 is always there; repeatable')  # fmt: skip
    add('--inception', type=Path, metavar='ONNX', help='the Inception of FID')
    add('--lpips', type=Path, metavar='FOLDER', help='network and weights; needs --targets')


def _add_running(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add('--size', type=image_size, metavar='WxH', help='bring all frames to this size first')
    add('--max-frames', type=positive, default=0, metavar='N', help='a sample of each set, in '
        'evenly spread blocks of neighbours (default: all)')  # fmt: skip
    add('--backend', choices=('auto', *BACKENDS), default='auto', help='default: %(default)s')
    add('--provider', choices=PROVIDERS, default='auto', help='default: %(default)s')
    add(
        '--seed', type=int, default=0, metavar='N', help='of random samples (default: %(default)s)'
    )
    add('--picture-width', dest='picture_width_px', type=positive, default=320, metavar='PX',
        help='of the pictures in the report (default: %(default)s)')  # fmt: skip
    add('--without-plots', dest='with_plots', action='store_false', help='leave out of the report '
        'what draws them: 5 MB')  # fmt: skip
    add_jobs_option(group)
