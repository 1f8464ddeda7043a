"""Resize the images of a folder tree, together with masks, YOLO labels and camera_info.

Sub-folders and names stay. Boxes and polygons follow under letterbox and crop; what is cut off
wholly is dropped. Images become 8-bit RGB: grey gets three channels, alpha is dropped, files of
16 bits are left out. The same command after an interruption goes on where it was.
"""

import argparse
from pathlib import Path

from sim2real_ros.cli import INCOMPLETE
from sim2real_ros.cli.frame_options import add_image_options
from sim2real_ros.cli.options import add_jobs_option, add_output_options
from sim2real_ros.cli.progress import Progress, report_omissions
from sim2real_ros.data.resizing import ResizeOptions, Resizing

EXAMPLES = """examples:
  sim2real resize-images frames/ -o frames_512x384/
  sim2real resize-images dataset/ --size 640x640 --fit letterbox --format jpg -o detector/
  sim2real resize-images sim/ --masks segmentation --fit crop -o sim_cropped/
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of the verb."""
    add = parser.add_argument
    add('source', type=Path, metavar='FOLDER', help='tree of images (png, jpg, webp, bmp)')
    add_output_options(parser)
    add_image_options(parser, keep_format=True)
    add('--masks', dest='mask_folders', action='append', default=[], metavar='NAME',
        help='folders of this name hold masks (default: mask, masks); `.` = there are only masks; '
        'masks are resized without mixing values')  # fmt: skip
    add_jobs_option(parser)


def run(args: argparse.Namespace) -> int | None:
    """Run the verb."""
    options = ResizeOptions.from_mapping(vars(args))
    work = Resizing(args.source, args.output, options, force=args.force)
    if args.dry_run:
        print(*work.describe(), sep='\n')
        return None
    with Progress({}) as progress:
        manifest = work.run(jobs=args.jobs, progress=progress)
    for note in work.notes:
        print(f'note: {note}')
    report_omissions(manifest.omissions)
    print(f'{len(manifest.records)} images in {args.output}')
    return INCOMPLETE if manifest.omissions else None
