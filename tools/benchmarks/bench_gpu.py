"""What a GPU makes of the generators: torch and ONNX Runtime, beside the peak of that card."""

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from inference_contenders import ON_GPU, QUICK_GENERATORS, Contender, Size
from inference_rounds import measure, worker_environment
from machine_description import describe_machine, machine_line
from result_table import markdown_table, show_table
from turn_progress import TurnProgress

HERE = Path(__file__).resolve().parent
GENERATORS = (
    *('resnet-9', 'bilateral_grid', 'bilateral_grid_detail', 'mobile_unet', 'separable_resnet'),
    *('resnet-6-16', 'unit'),
)
"""The most wanted first: what the time does not suffice for is left out."""

COLUMNS = (
    *('generator', 'batch', 'runtime', 'precision', 'ms on the card (10..90 %)', 'ms with copies'),
    *('images/s', 'times eager float32', 'floor ms', 'over floor', 'MiB', 'off, levels'),
)
_GRACE_S = 30.0

Row = dict[str, Any]


def run(arguments: argparse.Namespace) -> dict[str, Any]:
    """Run the benchmark and return its result; the table is printed or put into a file."""
    until_s = time.monotonic() + 60 * arguments.minutes
    known: tuple[str, ...] = QUICK_GENERATORS if arguments.quick else GENERATORS
    names = [each for each in known if not arguments.only or each in arguments.only]
    size: Size = (64, 48) if arguments.quick else arguments.size
    facts = ask({'ask': 'device', 'device': arguments.device}, 'gpu_facts.py', until_s)
    card = facts[0] if facts else {'name': 'unknown: torch is missing, or fails'}
    seconds = 0.02 if arguments.quick else 1.0
    # A GPU takes a while to reach its clock.
    spec = {'device': arguments.device, 'threads': 1, 'seconds': seconds, 'quick': arguments.quick}
    peaks = ask(spec, 'peak_worker.py', until_s)
    costs = {
        each['name']: each
        for each in ask({'ask': 'costs', 'names': names, 'size': size}, 'gpu_facts.py', until_s)
    }
    rows = list(torch_rows(arguments, names, size, until_s))
    rows += onnxruntime_rows(arguments, names, size, until_s)
    add_comparisons(rows, peaks[0] if peaks else {}, costs)
    machine = describe_machine()
    head = f'{card["name"]}; host: {machine_line(machine)} {peak_line(peaks)}'
    show_table(f'{head}\n\n{gpu_table(rows)}', 'gpu', arguments.table)
    return {
        'machine': machine, 'card': card, 'peaks': peaks, 'costs': costs, 'size': size,
        'rows': rows,
    }  # fmt: skip


def ask(spec: dict[str, Any], script: str, until_s: float) -> list[Row]:
    """Run a script beside this one until a moment at most; return its lines of JSON."""
    process = subprocess.Popen(
        [sys.executable, str(HERE / script), json.dumps(spec)],
        stdout=subprocess.PIPE,
        env=worker_environment(),
        text=True,
    )
    try:
        output, _ = process.communicate(timeout=max(1.0, until_s + _GRACE_S - time.monotonic()))
    except subprocess.TimeoutExpired:
        process.kill()
        output, _ = process.communicate()
    return [json.loads(line) for line in output.splitlines() if line.startswith('{')]


def torch_rows(
    arguments: argparse.Namespace, names: Sequence[str], size: Size, until_s: float
) -> Iterator[Row]:
    """Yield the rows of torch, one process for each generator.

    Of the time that is left, each may take an equal share of two thirds.
    """
    progress = TurnProgress('torch', len(names))
    for place, name in enumerate(names):
        now = time.monotonic()
        share_s = (until_s - now) * 0.67 / max(len(names) - place, 1)
        spec = {
            'name': name,
            'size': size,
            'batches': arguments.batches,
            'device': arguments.device,
            'seconds': 0.02 if arguments.quick else 0.4,
            'until_s': now + share_s,
            'quick': arguments.quick,
        }
        rows = ask(spec, 'gpu_worker.py', now + share_s)
        for row in rows:
            yield {'runtime': f'torch {row.pop("mode")}', **row}
        if not rows:
            yield {'name': name, 'runtime': 'torch', 'reason': 'its process ended with nothing'}
        progress.step(name)
    progress.close()


def onnxruntime_rows(
    arguments: argparse.Namespace, names: Sequence[str], size: Size, until_s: float
) -> list[Row]:
    """Return the rows of ONNX Runtime's providers, by the package's own back end."""
    if arguments.device == 'cpu':
        return []
    rows: list[Row] = []
    with TemporaryDirectory(prefix='bench-gpu-') as folder:
        spec = {'ask': 'models', 'names': names, 'size': size, 'folder': folder}
        for written in ask(spec, 'gpu_facts.py', until_s):
            if 'path' not in written or time.monotonic() > until_s:
                reason = written.get('reason', 'no time was left')
                rows.append({'name': written['name'], 'runtime': 'onnxruntime', 'reason': reason})
                continue
            path = Path(written['path'])
            ways = [Contender(written['name'], path, size, way, 0) for way in ON_GPU]
            _, outcomes = measure([], ways, rounds=2, seconds=0.4, together=1)
            rows += [onnxruntime_row(each) for each in outcomes]
    return rows


def onnxruntime_row(outcome: Any) -> Row:
    """Turn an outcome of the inference benchmark into a row of this one."""
    contender = outcome.contender
    row: Row = {
        'name': contender.model,
        'runtime': f'onnxruntime {contender.runtime.provider}',
        'precision': contender.runtime.precision,
        'batch': contender.batch,
    }
    times_ms = sorted(each for turn in outcome.rounds_ms.values() for each in turn)
    if not times_ms:
        return {**row, 'reason': outcome.reason}
    tenth = len(times_ms) // 10
    spread = [times_ms[len(times_ms) // 2], times_ms[tenth], times_ms[-1 - tenth]]
    return {**row, 'total_ms': spread}


def add_comparisons(rows: list[Row], peak: Row, costs: dict[str, Row]) -> None:
    """Add to the rows what they are compared with: eager float32 of torch, and the floor."""
    eager = {
        (row['name'], row['batch']): row['device_ms'][0]
        for row in rows
        if row['runtime'] == 'torch eager' and row.get('precision') == 'float32'
        and 'device_ms' in row
    }  # fmt: skip
    for row in rows:
        times = row.get('device_ms') or row.get('total_ms')
        if not times:
            continue
        key = (row['name'], row['batch'])
        row['times_eager'] = eager[key] / times[0] if key in eager else None
        cost, rates = costs.get(row['name'], {}), peak.get('flops_per_s', {})
        rate = rates.get(row['precision'], 0.0)
        if 'flops' in cost and rate:
            size = 4 if row['precision'] in ('float32', 'tf32') else 2
            memory_bytes = row['batch'] * cost['end_bytes'] + size * cost['weights']
            compute_s = row['batch'] * cost['flops'] / rate
            row['floor_ms'] = 1000 * max(compute_s, memory_bytes / peak['copy_bytes_per_s'])
            row['over_floor'] = times[0] / row['floor_ms']


def peak_line(peaks: list[Row]) -> str:
    """Say what the floors are made of."""
    if not peaks:
        return 'No peak could be measured.'
    rates = ', '.join(f'{v / 1e12:.3g} {k}' for k, v in peaks[0]['flops_per_s'].items())
    return f'Peaks measured: TFLOP/s {rates}; copy {peaks[0]["copy_bytes_per_s"] / 1e12:.3g} TB/s.'


def gpu_table(rows: Sequence[Row]) -> str:
    """Return the table in Markdown, and what could not be measured below it."""
    measured = [_cells(row) for row in rows if 'total_ms' in row]
    parts = [markdown_table(COLUMNS, measured)]
    missing = [
        f'* {row["name"]}, {row["runtime"]} {row.get("precision", "")} '
        f'(batch {row.get("batch", "-")}): {row["reason"]}'
        for row in rows
        if row.get('reason')
    ]
    return '\n\n'.join([*parts, *(['Not measured:\n\n' + '\n'.join(missing)] if missing else [])])


def _cells(row: Row) -> tuple[Any, ...]:
    def shown(key: str) -> str:
        value = row.get(key)
        return '' if value is None else f'{value:.3g}'

    on_card = row.get('device_ms')
    spread = f'{on_card[0]:.3g} ({on_card[1]:.3g}..{on_card[2]:.3g})' if on_card else ''
    rate = 1000 * row['batch'] / row['total_ms'][0]
    return (
        *(row['name'], row['batch'], row['runtime'], row['precision'], spread),
        *(f'{row["total_ms"][0]:.3g}', f'{rate:.4g}', shown('times_eager'), shown('floor_ms')),
        *(shown('over_floor'), shown('memory_mib'), shown('levels_off')),
    )
