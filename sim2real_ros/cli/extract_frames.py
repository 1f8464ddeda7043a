"""Extract the frames of bags, videos and folders as images of one size, with a manifest.

The same command after an interruption goes on where it was. Exit code 3: done, but something was
unreadable and left out; the manifest lists what.
"""

import argparse
from pathlib import Path

from sim2real_ros.cli import INCOMPLETE
from sim2real_ros.cli.frame_options import add_frame_options, add_image_options
from sim2real_ros.cli.options import add_jobs_option, add_output_options
from sim2real_ros.cli.progress import Progress, report_omissions
from sim2real_ros.data.extraction import Extraction, ExtractOptions, topic_lines

EXAMPLES = """examples:
  sim2real extract-frames drive.mcap -o frames/
  sim2real extract-frames drive/ --list
  sim2real extract-frames a.bag b.bag --topic '/camera/*' --rate 5 --fit crop -o frames/
  sim2real extract-frames drive.mcap --names frame --format jpg --drop-similar 2 -o for_cvat/
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of the verb."""
    add = parser.add_argument
    add('sources', nargs='+', type=Path, metavar='SOURCE', help='bag, video, folder or image')
    add_output_options(parser, required=False)
    add('--list', action='store_true', help='list the image topics of bags, and do nothing else')
    add_frame_options(parser)
    add_image_options(parser)
    add_jobs_option(parser)
    parser.set_defaults(wrong_usage=parser.error)


def run(args: argparse.Namespace) -> int | None:
    """Run the verb."""
    if args.list:
        print(*topic_lines(args.sources), sep='\n')
        return None
    if args.output is None:
        args.wrong_usage('the following arguments are required: -o/--output')
    options = ExtractOptions.from_mapping(vars(args))
    work = Extraction(args.sources, args.output, options, force=args.force)
    if args.dry_run:
        print(*work.describe(), sep='\n')
        return None
    with Progress({}) as progress:
        manifest = work.run(jobs=args.jobs, progress=progress)
    report_omissions(manifest.omissions)
    print(f'{len(manifest.records)} images in {args.output}')
    return INCOMPLETE if manifest.omissions else None
