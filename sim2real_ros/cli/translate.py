"""Run a model over images, a folder tree, a video or a bag, and write the same with its results.

A folder keeps names, sizes, labels and manifest; a bag every other topic, all stamps, QoS and
types. The same command goes on after an accident; a video file begins anew and loses its sound.
"""

import argparse
import sys

from sim2real_ros.cli import INCOMPLETE
from sim2real_ros.cli.options import add_jobs_option, add_output_options, image_size, positive
from sim2real_ros.cli.progress import Progress
from sim2real_ros.image.encode_file import DEFAULT_QUALITY, FILE_FORMATS
from sim2real_ros.resources import shipped_models
from sim2real_ros.runtime.backends import BACKENDS, PROVIDERS
from sim2real_ros.translation import TranslateOptions, plan_translation

EXAMPLES = """examples:
  sim2real translate drive.mcap --model models/colour.onnx -o drive_real.mcap
  sim2real translate drive.bag --model identity --topic '/camera/*' -o out.bag --dry-run
  sim2real translate dataset/ --only trainA --model models/colour.onnx -o dataset_real/
  sim2real translate drive.mp4 --model models/colour.onnx -o drive_real.mp4
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of the verb."""
    add = parser.add_argument
    add('source', metavar='SOURCE', help='folder tree, image, video or bag')
    add('--model', required=True, help=f'.onnx file, or: {", ".join(shipped_models())}')
    add_output_options(parser, what='folder for images; bag or video for a bag or video')
    add('--topic', dest='topics', action='append', default=[], metavar='GLOB', help='of a bag')
    add('--only', action='append', default=[], metavar='GLOB', help='images of a folder: trainA')
    add('--frames', action='store_true', help='turn a video into a folder of images')
    add('--format', dest='image_format', choices=FILE_FORMATS, default='', help='of images')
    add('--quality', type=positive, default=DEFAULT_QUALITY, metavar='N', help='of JPEG and WebP')
    add('--size', type=image_size, metavar='WxH', help='at which a model of free size is run')
    add('--output-size', choices=('input', 'model'), default='input', help='for bags and videos')
    add('--strength', type=float, default=1.0, metavar='0..1', help='0 original, 1 translated')
    add('--roi', type=float, nargs=4, default=(0, 0, 1, 1), metavar=tuple('XYWH'),
        help='translate only this part; fractions of the image')  # fmt: skip
    add('--feather', dest='feather_px', type=float, default=0.0, metavar='PX', help='soft border')
    add('--detail-strength', type=float, default=1.0, metavar='0..1', help='of a detail branch')
    add('--temporal-smoothing', type=float, default=0.0, dest='temporal_smoothing_s',
        metavar='SECONDS', help='average a bilateral grid over time; default: off')  # fmt: skip
    add('--on-failure', choices=('keep', 'drop'), default='keep', help='unreadable bag messages')
    add('--backend', choices=('auto', *BACKENDS), default='auto', help='default: %(default)s')
    add('--provider', choices=PROVIDERS, default='auto', help='default: %(default)s')
    add_jobs_option(parser)


def run(args: argparse.Namespace) -> int | None:
    """Run the verb."""
    plan = plan_translation(args.source, args.output, TranslateOptions.from_mapping(vars(args)))
    if args.dry_run:
        return print(*plan.describe(), sep='\n')
    with Progress({plan.kind: plan.total}) as progress:
        report = plan.run(progress)
    print(*report.describe(), sep='\n')
    sys.stderr.writelines(f'{remark}\n' for remark in report.remarks())
    return INCOMPLETE if report.problems else None
