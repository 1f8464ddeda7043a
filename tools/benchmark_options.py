"""The options of every verb of tools/benchmark.py."""

import argparse
import re
from pathlib import Path
from typing import Any

MODELS = Path(__file__).resolve().parents[1] / 'models'
DEFAULT_MODEL = str(MODELS / 'colour_transfer_duckietown.onnx')


def add_verbs(verbs: Any) -> None:
    """Add all verbs with their options."""
    add_inference(verbs)
    add_gpu(verbs)
    add_node(verbs)
    add_transport(verbs)
    add_soak(verbs)
    add_extract(verbs)
    add_train(verbs)
    for verb in verbs.choices.values():
        verb.add_argument('--json', type=Path, help='write the result to this file, too')


def add_inference(verbs: Any) -> None:
    """Add the verb `inference`."""
    verb = verbs.add_parser('inference', help='every generator on every back end, beside ResNet-9')
    verb.add_argument('--sizes', nargs='+', type=size, metavar='WxH', help='512x384 by default')
    verb.add_argument('--threads', nargs='+', type=positive, default=[1, 2])
    verb.add_argument('--only', nargs='*', default=[], metavar='NAME', help='these generators')
    verb.add_argument('--backends', nargs='*', default=[], metavar='NAME', help='only these')
    verb.add_argument('--model', nargs='*', type=Path, default=[], help='further model files')
    verb.add_argument('--rounds', type=positive, default=3, help='turns of each')
    verb.add_argument('--seconds', type=float, default=0.4, help='length of a turn')
    verb.add_argument('--together', type=positive, default=24, help='processes in memory at once')
    verb.add_argument('--quick', action='store_true', help='two tiny networks, for tests')
    add_table(verb)


def add_gpu(verbs: Any) -> None:
    """Add the verb `gpu`."""
    verb = verbs.add_parser('gpu', help='torch and ONNX Runtime on a GPU, against its peak')
    verb.add_argument('--device', choices=('cuda', 'cpu'), default='cuda')
    verb.add_argument('--size', type=size, default=(512, 384), metavar='WxH')
    verb.add_argument('--batches', nargs='+', type=positive, default=[1, 4])
    verb.add_argument('--only', nargs='*', default=[], metavar='NAME', help='these generators')
    verb.add_argument('--minutes', type=float, default=8.0, help='nothing is begun later')
    verb.add_argument('--quick', action='store_true', help='tiny networks, for tests')
    add_table(verb)


def add_node(verbs: Any) -> None:
    """Add the verb `node`."""
    verb = verbs.add_parser('node', help='latency beside a relay, throughput beside a bare loop')
    verb.add_argument(
        '--model',
        nargs='+',
        default=['bilateral_grid', DEFAULT_MODEL],
        help='files, names in models/, or generators, which get random weights',
    )
    verb.add_argument('--size', type=int, nargs=2, default=(512, 384), metavar=('W', 'H'))
    verb.add_argument('--cameras', type=positive, default=1, help='that publish at once')
    verb.add_argument('--cores', type=int, default=2, help='for all processes; 0 = all there are')
    verb.add_argument('--threads', nargs='+', type=int, default=[1, 2], help='of inference')
    verb.add_argument(
        '--set', nargs='*', default=[], metavar='NAME:=VALUE', help='parameters of the node'
    )
    verb.add_argument(
        '--rates', nargs='+', type=float, default=[120, 150, 180, 220, 280], metavar='HZ'
    )
    verb.add_argument(
        '--parts',
        nargs='+',
        choices=('relay', 'bare', 'rates', 'latency'),
        default=('relay', 'bare', 'rates', 'latency'),
    )
    verb.add_argument('--rounds', type=positive, default=3, help='repeat all comparisons so often')
    verb.add_argument('--seconds', type=float, default=60.0, help='length of the latency runs')
    add_table(verb)


def add_transport(verbs: Any) -> None:
    """Add the verb `transport`."""
    verb = verbs.add_parser('transport', help='what the middleware alone costs')
    verb.add_argument('--sizes', nargs='+', type=size, metavar='WxH', help='512x384 1280x720')
    verb.add_argument('--cores', type=int, default=2, help='for both processes; 0 = all there are')
    verb.add_argument('--rounds', type=positive, default=2, help='repeat all comparisons so often')
    verb.add_argument('--seconds', type=float, default=2.0, help='length of each measurement')
    add_table(verb)


def add_soak(verbs: Any) -> None:
    """Add the verb `soak`."""
    soak = verbs.add_parser('soak', help='memory, and model swaps under load')
    soak.add_argument('--frames', type=int, default=20000)
    soak.add_argument('--swaps', type=int, default=100)
    soak.add_argument('--rate-hz', type=float, default=150.0)


def add_extract(verbs: Any) -> None:
    """Add the verb `extract`."""
    extract = verbs.add_parser('extract', help='extraction beside a plain loop and an exporter')
    extract.add_argument('--frames', type=int, default=2000)
    extract.add_argument('--rounds', type=int, default=3, help='repeat all comparisons so often')
    extract.add_argument(
        '--exporter', choices=('rosbag-resurrector', 'ros2-unbag'), default='rosbag-resurrector'
    )
    extract.add_argument('--exporter-python', metavar='PATH', help='Python that has the exporter')


def add_train(verbs: Any) -> None:
    """Add the verb `train`."""
    train = verbs.add_parser('train', help='training steps beside a plain one, and the loop')
    parts = ('step', 'methods', 'data', 'loop')
    train.add_argument('--parts', nargs='+', choices=parts, default=parts, help='all by default')
    train.add_argument('--methods', nargs='*', default=[], metavar='NAME', help='only these')
    train.add_argument('--device', choices=('cpu', 'cuda'), default='cpu')
    train.add_argument('--threads', type=int, default=0, help='0 = as many as there are CPUs')
    train.add_argument('--size', type=int, nargs=2, metavar=('W', 'H'), help='of crops')
    train.add_argument('--batch-size', type=int, default=1)
    train.add_argument('--filters', type=int, default=0, help='of ResNets and discriminators')
    train.add_argument('--blocks', type=int, default=0, help='of ResNets')
    train.add_argument('--rounds', type=int, default=5, help='repeat all comparisons so often')
    train.add_argument('--seconds', type=float, default=3.0, help='length of one turn')
    train.add_argument('--quick', action='store_true', help='small networks, short turns')


def add_table(verb: argparse.ArgumentParser) -> None:
    """Add where the table goes."""
    verb.add_argument(
        '--table',
        type=Path,
        metavar='FILE',
        help='put the table between its markers in this file, such as docs/performance.md',
    )


def size(text: str) -> tuple[int, int]:
    """Read a size such as 512x384 as (width, height)."""
    found = re.fullmatch(r'(\d{1,5})x(\d{1,5})', text)
    if not found or min(map(int, found.groups())) < 16:
        raise argparse.ArgumentTypeError(
            f'{text!r} is no size; expected WIDTHxHEIGHT of 16 pixels or more, such as 512x384'
        )
    return int(found[1]), int(found[2])


def positive(text: str) -> int:
    """Read a number of 1 or more."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f'{text!r} is not a number of 1 or more')
    return int(text)
