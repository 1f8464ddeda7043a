"""What a training step costs: beside a plain one, by method and precision, and within the loop.

Every contender is a process of its own; those of a table take turns. Only ratios within one run
mean anything, above all where others use the machine, too.
"""

import argparse
import os
import platform
import tempfile
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bench_extract import pictures
from train_contenders import Group, Scale, data_group, loop_groups, method_groups, step_group
from train_rounds import Machine, Row, measure

SMALL = Scale(size=(128, 96), batch_size=1, filters=16, blocks=6)
ON_CPU = Scale(size=(128, 96), batch_size=1, filters=32, blocks=6)
ON_GPU = Scale(size=(256, 256), batch_size=1, filters=64, blocks=9)


def run(arguments: argparse.Namespace) -> dict[str, Any]:
    """Run the benchmark and return its result; the tables are printed as they come."""
    machine = Machine(arguments.device, arguments.threads or os.cpu_count() or 1)
    scale = choose_scale(arguments)
    seconds = 0.5 if arguments.quick else arguments.seconds
    print(f'{machine.device}, {machine.threads} threads, {platform.machine()}, {scale}\n')
    tables: dict[str, list[dict[str, Any]]] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_pictures(folder)
        for group in groups(arguments, scale, folder):
            rows = measure(group, machine, rounds=arguments.rounds, seconds=seconds)
            print('\n'.join(table(group, rows)) + '\n', flush=True)
            tables[group.title] = [asdict(row) for row in rows]
    return {'machine': asdict(machine), 'scale': asdict(scale), 'tables': tables}


def choose_scale(arguments: argparse.Namespace) -> Scale:
    """Return the usual scale of the device, with what the user wants otherwise."""
    usual = ON_GPU if arguments.device == 'cuda' else ON_CPU
    usual = SMALL if arguments.quick else usual
    return Scale(
        size=tuple(arguments.size) if arguments.size else usual.size,
        batch_size=arguments.batch_size,
        filters=arguments.filters or usual.filters,
        blocks=arguments.blocks or usual.blocks,
    )


def groups(arguments: argparse.Namespace, scale: Scale, folder: Path) -> Iterator[Group]:
    """Yield what is asked for."""
    if 'step' in arguments.parts:
        yield step_group(scale)
    if 'methods' in arguments.parts:
        yield from method_groups(scale, arguments.methods, quick=arguments.quick)
    if 'data' in arguments.parts:
        yield data_group(scale, folder)
    if 'loop' in arguments.parts:
        yield from loop_groups(scale, folder)


def write_pictures(folder: Path) -> None:
    """Write two folders of 48 JPEGs of 640x480 like those of a camera, under the same names."""
    for domain in ('sim', 'real'):
        (folder / domain).mkdir()
    for number, jpeg in enumerate(pictures()):
        for domain in ('sim', 'real'):
            (folder / domain / f'{number:04d}.jpg').write_bytes(jpeg)


def table(group: Group, rows: list[Row]) -> Iterator[str]:
    """Yield the lines of a table in Markdown."""
    on_gpu = any(row.cuda_mib for row in rows)
    yield f'### {group.title}\n'
    columns = ('', 'ms', 'it/s', f'speed, {rows[0].name} = 1', 'lowest..highest', 'by CPU time')
    yield f'| {" | ".join(columns)} | {memory_title(on_gpu)} | |'
    yield '|---|---|---|---|---|---|---|---|'
    for row in rows:
        low, high = row.ratio_range
        memory = f'{row.cuda_mib:.0f}' if on_gpu else f'{row.peak_mib:.0f} ({row.own_mib:.0f})'
        yield (
            f'| {row.name} | {row.step_ms:.2f} | {row.rate:.2f} | {row.ratio:.2f}x '
            f'| {low:.2f}..{high:.2f} | {row.cpu_ratio:.2f}x | {memory} | {remark(row)} |'
        )


def memory_title(on_gpu: bool) -> str:
    """Say what the column of memory shows."""
    return 'peak MiB on the GPU' if on_gpu else 'peak MiB (above start)'


def remark(row: Row) -> str:
    """Say what else is to be said of a row."""
    gain = f'{row.gain:.2f}x ({row.cpu_gain:.2f}x by CPU time)'
    parts = [f'{row.note}: {gain}'] if row.note else []
    if row.outside is not None:
        parts.append(f'outside of the steps {row.outside:.1%}')
    return ', '.join(parts)
