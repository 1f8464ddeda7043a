"""What a frame costs: every generator on every back end, beside ResNet-9 in the same run."""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import onnx
from floors import Floor, Peak, best_of, floor_of
from graph_cost import GraphCost, count_graph
from inference_contenders import (
    GENERATORS,
    QUICK_GENERATORS,
    QUICK_REFERENCE,
    QUICK_SIZES,
    REFERENCE,
    REFERENCE_RUNTIME,
    SHIPPED,
    USUAL_SIZES,
    Contender,
    Size,
    contenders,
    has_gpu,
    runtimes,
)
from inference_rounds import Outcome, measure, worker_environment
from inference_rows import Row, inference_table, row_of
from machine_description import describe_machine, machine_line
from result_table import show_table

from sim2real_ros.runtime.model_file import open_model

HERE = Path(__file__).resolve().parent
SHIPPED_FOLDER = HERE.parents[1] / 'models'
FLOAT_BYTES = {'float32': 4, 'tf32': 4, 'bfloat16': 2, 'float16': 2}


def run(arguments: argparse.Namespace) -> dict[str, Any]:
    """Run the benchmark and return its result; the table is printed or put into a file."""
    quick = arguments.quick
    sizes = arguments.sizes or list(QUICK_SIZES if quick else USUAL_SIZES)
    threads = sorted(set(arguments.threads))
    peaks = measure_peaks(threads, 0.05 if quick else 1.0, quick=quick)
    rows: list[Row] = []
    with tempfile.TemporaryDirectory(prefix='bench-inference-') as name:
        for size in sizes:
            rows += rows_of_size(arguments, size, threads, peaks, Path(name))
    machine = describe_machine()
    table = f'{machine_line(machine)} {peak_line(peaks)}\n\n{inference_table(rows)}'
    show_table(table, 'inference', arguments.table)
    return {
        'machine': machine,
        'peaks': [asdict(each) for each in peaks.values()],
        'rounds': arguments.rounds,
        'seconds': arguments.seconds,
        'rows': [asdict(row) for row in rows],
    }


def rows_of_size(
    arguments: argparse.Namespace,
    size: Size,
    threads: Sequence[int],
    peaks: dict[int, Peak],
    folder: Path,
) -> list[Row]:
    """Measure everything at one size of frames."""
    reference = QUICK_REFERENCE if arguments.quick else REFERENCE
    paths, reasons = model_paths(arguments, size, folder, reference)
    anchors = [
        Contender(reference, paths[reference], size, REFERENCE_RUNTIME, count)
        for count in threads
        if reference in paths
    ]
    ways = runtimes(arguments.backends, gpu=has_gpu())
    others = [each for each in contenders(paths, size, ways, threads) if each not in anchors]
    found, measured = measure(
        anchors,
        [each for each in others if wanted(arguments, each.model)],
        rounds=arguments.rounds,
        seconds=arguments.seconds,
        together=arguments.together,
    )
    by_threads = {each.contender.threads: each for each in found}
    costs: dict[tuple[Path, int], GraphCost] = {}
    rows = [row_with_floor(each, by_threads, peaks, costs) for each in (*found, *measured)]
    for model, reason in reasons.items():
        rows.append(Row(model, size, 'no back end', '', 0, reason=reason))
    return rows


def wanted(arguments: argparse.Namespace, model: str) -> bool:
    """Tell whether a model is asked for; those given as files always are."""
    given = (each.stem for each in arguments.model)
    return not arguments.only or model in (*arguments.only, *given)


def model_paths(
    arguments: argparse.Namespace, size: Size, folder: Path, reference: str
) -> tuple[dict[str, Path], dict[str, str]]:
    """Return the models' files by name, and why others have none.

    The generators get random weights, and are written for this very size, as they should be for
    use: graphs of free size are slower.
    """
    known: tuple[str, ...] = QUICK_GENERATORS if arguments.quick else GENERATORS
    names = [each for each in known if each == reference or wanted(arguments, each)]
    wishes = json.dumps([{'name': name, 'size': size} for name in names])
    written = run_script('random_models.py', str(folder), wishes)
    paths = {each['name']: Path(each['path']) for each in written if 'path' in each}
    reasons = {each['name']: each['reason'] for each in written if 'reason' in each}
    for name in names:
        if name not in paths and name not in reasons:
            reasons[name] = 'it was not written; the training extra is needed for it'
    for name in () if arguments.quick else SHIPPED:
        paths[name] = SHIPPED_FOLDER / f'{name}.onnx'
    for given in arguments.model:
        paths[given.stem] = given
    return paths, reasons


def run_script(name: str, *arguments: str) -> list[dict[str, Any]]:
    """Run a script beside this one; return its lines of JSON."""
    done = subprocess.run(
        [sys.executable, str(HERE / name), *arguments],
        stdout=subprocess.PIPE,
        env=worker_environment(),
        check=False,
        text=True,
    )
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith('{')]


def measure_peaks(threads: Sequence[int], seconds: float, *, quick: bool) -> dict[int, Peak]:
    """Measure the machine with each number of threads: twice, unless in haste, for the best."""
    found: dict[int, list[Peak]] = {count: [] for count in threads}
    for _ in range(1 if quick else 2):
        for count in threads:
            spec = {'device': 'cpu', 'threads': count, 'seconds': seconds, 'quick': quick}
            for line in run_script('peak_worker.py', json.dumps(spec)):
                found[count].append(Peak(**line))
    return {count: best_of(peaks) for count, peaks in found.items() if peaks}


def peak_line(peaks: dict[int, Peak]) -> str:
    """Say what the floors are made of."""
    parts = []
    for count, peak in peaks.items():
        rates = ', '.join(f'{rate / 1e9:.0f} {name}' for name, rate in peak.flops_per_s.items())
        parts.append(
            f'{count} threads: GFLOP/s {rates}; copy {peak.copy_bytes_per_s / 1e9:.0f} GB/s'
        )
    return f'Peaks measured: {" - ".join(parts) or "none, torch is missing"}.'


def row_with_floor(
    outcome: Outcome,
    references: dict[int, Outcome],
    peaks: dict[int, Peak],
    costs: dict[tuple[Path, int], GraphCost],
) -> Row:
    """Join what was measured with the reference and the floor of its graph."""
    contender = outcome.contender
    precision, peak = contender.runtime.precision, peaks.get(contender.threads)
    floor: Floor | None = None
    if outcome.rounds_ms and peak is not None and contender.runtime.provider == 'cpu':
        key = (contender.path, FLOAT_BYTES[precision])
        if key not in costs:
            costs[key] = cost_of(*key, contender.size)
        floor = floor_of(costs[key], peak, precision)
    return row_of(outcome, references.get(contender.threads), floor)


def cost_of(path: Path, float_bytes: int, size: Size) -> GraphCost:
    """Count a model file's graph at a size of frames."""
    card = open_model(path).card
    width, height = card.size or size
    sides = (1, height, width, 3) if card.layout == 'NHWC' else (1, 3, height, width)
    return count_graph(onnx.load(path), {card.input: sides}, float_bytes=float_bytes)
