"""Measure what the package costs on this machine: ratios within one run, never across runs."""

import argparse
import importlib
import json
import sys
from pathlib import Path

from benchmark_options import add_verbs

from sim2real_ros.errors import Sim2RealError

BENCHMARKS = Path(__file__).resolve().parent / 'benchmarks'
EXAMPLES = """examples:
  python tools/benchmark.py inference --table docs/performance.md --json inference.json
  python tools/benchmark.py inference --only bilateral_grid --sizes 512x384 1280x720
  python tools/benchmark.py gpu --json gpu.json
  python tools/benchmark.py node --model bilateral_grid --parts rates latency
  python tools/benchmark.py node --model my_generator.onnx --rounds 5 --json node.json
  python tools/benchmark.py transport --sizes 512x384
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
    add_verbs(parser.add_subparsers(dest='verb', required=True))
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    """Run one benchmark."""
    parsed = parse_arguments(arguments)
    sys.path.insert(0, str(BENCHMARKS))
    try:
        result = importlib.import_module(f'bench_{parsed.verb}').run(parsed)
    except Sim2RealError as error:
        print(f'error: {error}', file=sys.stderr)
        return 1
    if parsed.json:
        parsed.json.write_text(json.dumps(result, indent=1) + '\n')
    return 0


if __name__ == '__main__':
    sys.exit(main())
