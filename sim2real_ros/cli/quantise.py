"""Write a model in int8, where that is faster and keeps its quality, measured on frames."""

import argparse
import sys
from functools import partial

from sim2real_ros.cli.options import image_size, positive
from sim2real_ros.cli.progress import report_skipped
from sim2real_ros.data import open_source
from sim2real_ros.quantisation.options import CALIBRATIONS, QuantiseOptions
from sim2real_ros.quantisation.packages import int8_packages
from sim2real_ros.resources import model_path
from sim2real_ros.runtime.backends import BACKENDS
from sim2real_ros.runtime.model_file import open_model
from sim2real_ros.runtime.model_path import check_copy_writable

EXAMPLES = """examples:
  sim2real quantise cyclegan.onnx --frames drive.mcap -o cyclegan_int8.onnx --backend openvino
"""
LIMITS = {
    'max-mean-levels': 'mean difference of an image, in levels of 255',
    'min-psnr-db': 'PSNR of an image in dB',
    'min-edge-agreement': 'F1 of the edges, 0..1',
    'min-speedup': 'how many times as fast it must be; 0 = whatever it is',
}
FRAMES = {'calibration-frames': 'to calibrate with', 'held-out-frames': 'others, to measure on'}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of the verb."""
    add = parser.add_argument
    add('model', metavar='MODEL', help='.onnx file, or a shipped name')
    add('--frames', required=True, metavar='PATH', help='what it sees: folder, video or bag')
    add('--topic', metavar='NAME', help='image topic of a bag, if it has several')
    add('-o', '--output', required=True, metavar='FILE.onnx', help='model file to write')
    add('--size', type=image_size, metavar='WxH', help='at which a model of free size is run')
    for name, text in {**LIMITS, **FRAMES}.items():
        add(f'--{name}', type=positive if name in FRAMES else float, metavar='N',
            help=f'{text} (default: %(default)s)')  # fmt: skip
    parser.set_defaults(**vars(QuantiseOptions()))
    add('--calibration', choices=CALIBRATIONS, help='default: %(default)s')
    add('--reduce-range', action='store_true', help='7-bit weights: for x86 without VNNI')
    add('--force-quality', action='store_true', help='write it however much is lost')
    add('--backend', choices=('auto', *BACKENDS), help='where it must be faster')
    add('--force', action='store_true', help='replace an existing model file')


def run(args: argparse.Namespace) -> None:
    """Run the verb."""
    with int8_packages():
        from sim2real_ros.quantisation import quantise, quantised_model
    check_copy_writable(args.output, force=args.force)
    model, source = open_model(model_path(args.model)), open_source(args.frames, args.topic)
    options = QuantiseOptions.from_mapping(vars(args))
    say = partial(print, file=sys.stderr, flush=True)
    result = quantise.quantise_model(model, source, options, say=say)
    report_skipped('frames', source.skipped)
    print(*result.describe(), sep='\n')
    quantised_model.write_quantised(result, args.output, force=args.force)
    print(f'wrote {args.output}')
