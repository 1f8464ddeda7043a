"""Write into a copy of a model what the frames look like that it was trained on.

The node then warns when its frames are unlike these, and `sim2real evaluate` counts such frames.
`sim2real export` does the same for runs whose images are still there.
"""

import argparse
from collections.abc import Iterator
from itertools import chain

from sim2real_ros.cli.options import positive
from sim2real_ros.cli.progress import Progress, report_skipped
from sim2real_ros.data import Spread, open_source
from sim2real_ros.evaluation.domain.fit import MAX_FRAMES, fit_input_domain
from sim2real_ros.evaluation.domain.model_copy import write_with_domain
from sim2real_ros.evaluation.frame import RgbImage
from sim2real_ros.resources import model_path
from sim2real_ros.runtime.model_file import open_model
from sim2real_ros.runtime.model_path import check_copy_writable

EXAMPLES = """examples:
  sim2real fit-domain cut.onnx --sim dataset/trainA -o cut_with_domain.onnx
  sim2real fit-domain cut.onnx --sim drive_1.mcap --sim drive_2.mcap --force -o cut.onnx
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of the verb."""
    add = parser.add_argument
    add('model', metavar='MODEL', help='.onnx file, or a shipped name')
    add('--sim', action='append', required=True, metavar='PATH', help='what the model was trained '
        'on: folder, video or bag; may be given several times')  # fmt: skip
    add('--topic', metavar='NAME', help='image topic of the bags, if they have several')
    add('--max-frames', type=positive, default=MAX_FRAMES, metavar='N',
        help='of each source, evenly spread (default: %(default)s)')  # fmt: skip
    add('-o', '--output', required=True, metavar='FILE.onnx', help='model file to write')
    add('--force', action='store_true', help='replace an existing model file')


def run(args: argparse.Namespace) -> None:
    """Run the verb."""
    check_copy_writable(args.output, force=args.force)
    model = open_model(model_path(args.model))
    sources = [open_source(path, args.topic) for path in args.sim]
    spreads = [Spread(source, args.max_frames) for source in sources]
    expected = [spread.expected for spread in spreads]
    total = None if None in expected else sum(filter(None, expected))
    with Progress({'sim': total}) as progress:
        domain = fit_input_domain(_images(spreads, progress))
    for path, source in zip(args.sim, sources, strict=True):
        report_skipped(path, source.skipped)
    write_with_domain(model, domain, args.output, force=args.force)
    print(f'wrote {args.output} (input domain of {domain.frames} frames)')


def _images(spreads: list[Spread], progress: Progress) -> Iterator[RgbImage]:
    for count, frame in enumerate(chain.from_iterable(spreads), start=1):
        progress('sim', count)
        yield frame.image
