"""Convert, check and draw labels. Whatever is wrong or left out gives exit code 3."""

import argparse
from pathlib import Path

from sim2real_ros import labels
from sim2real_ros.cli import INCOMPLETE
from sim2real_ros.cli.options import add_jobs_option, add_output_options, positive
from sim2real_ros.cli.progress import Progress

EXAMPLES = """examples:
  sim2real labels convert export.zip --images frames/ --to yolo --with-images copy -o dataset/
  sim2real labels convert dataset/ --to coco -o instances.json
  sim2real labels check dataset/
  sim2real labels draw dataset/ --max-images 50 -o pictures/
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of the verb."""
    add_action = parser.add_subparsers(dest='action', required=True, metavar='ACTION').add_parser
    convert = add_action('convert', help='write labels in another format')
    check = add_action('check', help='find labels that are wrong')
    draw = add_action('draw', help='draw labels on pictures')
    for add in (convert.add_argument, check.add_argument, draw.add_argument):
        add('path', type=Path, metavar='IN', help='folder, .zip or .json of labels')
        add('--from', dest='source_format', choices=('auto', *labels.FORMATS), default='auto',
            help='format of IN; auto (default) tells it by the files')  # fmt: skip
        add('--images', type=Path, metavar='PATH', help='folder or zip of the images (IN)')
        add('--classes', type=Path, metavar='FILE', help='class names, one per line')
        add('--background', type=int, default=0, metavar='ID', help='masks: background, -1 = none')
    add_output_options(convert, what='folder, .zip, or .json for coco')
    add = convert.add_argument
    add('--to', choices=labels.FORMATS, required=True, help='for CVAT: ultralytics, or yolo-1.1')
    add('--shapes', choices=labels.SHAPES, default='auto', help='boxes: no polygons (auto)')
    add('--with-images', choices=labels.IMAGES, default='none', help='place the images too (none)')
    add('--scores', action='store_true', help='write confidences; not for training')
    add('--simplify', dest='simplify_px', type=float, default=0.0, metavar='PX',
        help='fewer corners, outlines off by up to PX pixels (0: as they are)')  # fmt: skip
    add_output_options(draw, what='folder for pictures')
    add_jobs_option(draw)
    draw.add_argument('--max-images', type=positive, default=0, metavar='N', help='evenly spread')


def run(args: argparse.Namespace) -> int | None:
    """Run the verb."""
    values = vars(args)
    source = labels.LabelSource.from_mapping(values)
    write = {key: values.get(key, False) for key in ('force', 'dry_run')}
    with Progress({}) as progress:
        if args.action == 'check':
            report: labels.Report = labels.check_source(source)
        elif args.action == 'convert':
            how = labels.ConvertOptions.from_mapping(values)
            report = labels.convert_labels(source, args.output, how, progress=progress, **write)
        else:
            look = labels.DrawOptions.from_mapping(values)
            report = labels.draw_data_set(source, args.output, look, progress=progress, **write)
    print(*report.describe(), sep='\n')
    return None if report.is_complete else INCOMPLETE
