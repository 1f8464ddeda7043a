"""Measure what the package costs on this machine: ratios within one run, never across runs."""

import argparse
import importlib
import json
import sys
from pathlib import Path
from typing import Any

BENCHMARKS = Path(__file__).resolve().parent / 'benchmarks'
DEFAULT_MODEL = Path(__file__).resolve().parents[1] / 'models/colour_transfer_duckietown.onnx'
EXAMPLES = """examples:
  python tools/benchmark.py node
  python tools/benchmark.py node --model my_generator.onnx --rounds 5 --json node.json
  python tools/benchmark.py soak --frames 20000 --swaps 100
  python tools/benchmark.py extract --exporter-python /tmp/other/bin/python
  python tools/benchmark.py train --quick
  python tools/benchmark.py train --device cuda --parts step loop --json train.json
"""


def parse_arguments(arguments: list[str] | None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    verbs = parser.add_subparsers(dest='verb', required=True)
    node = verbs.add_parser('node', help='latency beside a relay, throughput beside a bare loop')
    node.add_argument('--model', default=str(DEFAULT_MODEL), help='for the throughput')
    node.add_argument('--size', type=int, nargs=2, default=(512, 384), metavar=('W', 'H'))
    node.add_argument('--rounds', type=int, default=3, help='repeat all comparisons so often')
    node.add_argument('--seconds', type=float, default=60.0, help='length of the loss run')
    soak = verbs.add_parser('soak', help='memory, and model swaps under load')
    soak.add_argument('--frames', type=int, default=20000)
    soak.add_argument('--swaps', type=int, default=100)
    soak.add_argument('--rate-hz', type=float, default=150.0)
    extract = verbs.add_parser('extract', help='extraction beside a plain loop and an exporter')
    extract.add_argument('--frames', type=int, default=2000)
    extract.add_argument('--rounds', type=int, default=3, help='repeat all comparisons so often')
    extract.add_argument(
        '--exporter', choices=('rosbag-resurrector', 'ros2-unbag'), default='rosbag-resurrector'
    )
    extract.add_argument('--exporter-python', metavar='PATH', help='Python that has the exporter')
    add_train(verbs)
    for verb in verbs.choices.values():
        verb.add_argument('--json', type=Path, help='write the result to this file, too')
    return parser.parse_args(arguments)


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


def main(arguments: list[str] | None = None) -> int:
    """Run one benchmark."""
    parsed = parse_arguments(arguments)
    sys.path.insert(0, str(BENCHMARKS))
    result = importlib.import_module(f'bench_{parsed.verb}').run(parsed)
    if parsed.json:
        parsed.json.write_text(json.dumps(result, indent=1) + '\n')
    return 0


if __name__ == '__main__':
    sys.exit(main())
