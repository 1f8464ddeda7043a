"""What extraction costs: beside the plain loop, another exporter, and decoding and encoding alone.

Every contender is a process of its own, all in turn, several rounds; only ratios within one run
mean anything.
"""

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from rosbags.rosbag2 import StoragePlugin, Writer
from rosbags.typesys import Stores, get_typestore

from sim2real_ros.data import open_source
from sim2real_ros.files import default_workers
from sim2real_ros.image import compress, place, place_image
from sim2real_ros.image.encode_file import encode_file
from sim2real_ros.image.opencv_threads import one_opencv_thread

HERE = Path(__file__).resolve().parent
DRIVE = HERE.parent / 'demo/drive'
TOPIC, IMAGE_TYPE = '/camera/image/compressed', 'sensor_msgs/msg/CompressedImage'
SIZE, RESIZED = (640, 480), (512, 384)
PICTURES = 48
"""Different pictures, repeated to the length of the bag."""

EXPORTERS: dict[str, Callable[[str, Path, Path], list[str]]] = {
    # Both write png at the size of the messages; they have no wish for another size.
    'rosbag-resurrector': lambda python, bag, out: [
        python, '-c', 'from resurrector.cli.main import app; app()', 'export-frames',
        str(next(bag.glob('*.mcap'))), '-t', TOPIC, '-o', str(out),
    ],
    'ros2-unbag': lambda python, bag, out: [
        python, '-c', 'from ros2_unbag.export import main; main()',
        str(next(bag.glob('*.mcap'))), '--export', f'{TOPIC}:image/png',
        '--output-dir', str(out), '--cpu-percentage', '100',
    ],
}  # fmt: skip


@dataclass(frozen=True)
class Outcome:
    """What a process took.

    Attributes:
        seconds: From start to end, Python's own start included.
        cpu_s: Time of all of its CPUs, which tells more where others use the machine, too.
        peak_mb: Largest resident memory of the process, or of one of its children.
        images: Number of files that it wrote.
    """

    seconds: float
    cpu_s: float
    peak_mb: float
    images: int


def pictures() -> list[bytes]:
    """Return JPEGs like those of a camera: frames of the demo drive with the noise of a sensor."""
    random = np.random.default_rng(0)
    frames = []
    for frame in open_source(DRIVE):
        rgb = cv2.resize(frame.image, SIZE, interpolation=cv2.INTER_CUBIC).astype(np.int16)
        noisy = np.clip(rgb + random.normal(0, 5, rgb.shape), 0, 255).astype(np.uint8)
        frames.append(bytes(compress(noisy, 'jpeg', quality=90)[0]))
        if len(frames) == PICTURES:
            break
    return frames


def write_bag(path: Path, frames: Sequence[bytes], count: int) -> Path:
    """Write a rosbag2 in mcap with CompressedImages at 30 Hz."""
    store = get_typestore(Stores.ROS2_JAZZY)
    time_type, header_type = (
        store.types[name] for name in ('builtin_interfaces/msg/Time', 'std_msgs/msg/Header')
    )
    with Writer(path, version=9, storage_plugin=StoragePlugin.MCAP) as writer:
        connection = writer.add_connection(TOPIC, IMAGE_TYPE, typestore=store)
        for number in range(count):
            stamp_ns = 1_700_000_000 * 10**9 + number * 33_333_333
            header = header_type(stamp=time_type(*divmod(stamp_ns, 10**9)), frame_id='camera')
            data = np.frombuffer(frames[number % len(frames)], np.uint8)
            message = store.types[IMAGE_TYPE](header, 'rgb8; jpeg compressed bgr8', data)
            writer.write(connection, stamp_ns, store.serialize_cdr(message, IMAGE_TYPE))
    return path


# A child begins with the peak of the process that starts it, so a small one stands in between.
_MEASURE = (
    'import resource, subprocess, sys; code = subprocess.call(sys.argv[2:]); '
    'used = resource.getrusage(resource.RUSAGE_CHILDREN); '
    'cpu_s = used.ru_utime + used.ru_stime; '
    'open(sys.argv[1], "w").write(f"{used.ru_maxrss} {cpu_s}"); sys.exit(code)'
)


def run_process(command: list[str], output: Path) -> Outcome:
    """Run one contender, count its images and remove them.

    Raises:
        RuntimeError: It failed.
    """
    usage, log = output.parent / 'usage', output.parent / 'log'
    start = time.monotonic()
    with log.open('wb') as stream:
        measured = [sys.executable, '-S', '-c', _MEASURE, str(usage), *command]
        done = subprocess.run(measured, stdout=stream, stderr=stream, check=False)
    seconds = time.monotonic() - start
    if done.returncode:
        text = log.read_text('utf-8', 'replace')
        raise RuntimeError(f'{command[:4]} failed ({done.returncode}): {text[-2000:]}')
    images = sum(path.suffix in ('.png', '.jpg') for path in output.rglob('*'))
    shutil.rmtree(output)
    peak_kb, cpu_s = usage.read_text().split()
    return Outcome(seconds, float(cpu_s), int(peak_kb) / 1024, images)


def ours(bag: Path, output: Path, size: str) -> list[str]:
    """Return the command of our extraction."""
    command = [sys.executable, '-m', 'sim2real_ros.cli', 'extract-frames', str(bag)]
    return [*command, '--size', size, '-o', str(output)]


def floor(frames: Sequence[bytes], count: int) -> Outcome:
    """Decode, resize and encode alone, from memory, on all CPUs: nothing can be faster."""

    def work(number: int) -> int:
        content = np.frombuffer(frames[number % len(frames)], np.uint8)
        bgr = np.asarray(cv2.imdecode(content, cv2.IMREAD_COLOR), np.uint8)
        return len(encode_file(place_image(bgr, place(SIZE, RESIZED, 'stretch')), 'png'))

    with one_opencv_thread(), ThreadPoolExecutor(default_workers()) as pool:
        start, cpu_start = time.monotonic(), time.process_time()
        sum(pool.map(work, range(count)))
        return Outcome(time.monotonic() - start, time.process_time() - cpu_start, 0, count)


def contenders(bag: Path, out: Path) -> dict[str, list[str]]:
    """Return the commands to compare, by name."""
    loop = [sys.executable, str(HERE / 'bench_extract_loop.py'), str(bag), TOPIC, str(out)]
    return {'loop': loop, 'ours': ours(bag, out, '512x384')}


def exporters(arguments: argparse.Namespace, bag: Path, out: Path) -> dict[str, list[str]]:
    """Return the other exporter's command, and ours for the same size of images."""
    if not arguments.exporter_python:
        return {}
    exporter = EXPORTERS[arguments.exporter](arguments.exporter_python, bag, out)
    return {'exporter': exporter, 'ours at 640x480': ours(bag, out, 'original')}


def rounds(arguments: argparse.Namespace, folder: Path) -> Iterator[dict[str, Outcome]]:
    """Run all contenders in turn, and print what each took."""
    frames = pictures()
    bag = write_bag(folder / 'bag', frames, arguments.frames)
    commands = contenders(bag, folder / 'out')
    for number in range(arguments.rounds):
        # The exporter is slow and steady: once will do.
        more = {} if number else exporters(arguments, bag, folder / 'out')
        outcomes = {n: run_process(c, folder / 'out') for n, c in {**commands, **more}.items()}
        outcomes['floor'] = floor(frames, arguments.frames)
        for name, outcome in outcomes.items():
            rate = arguments.frames / outcome.seconds
            print(f'{name:16} {outcome.seconds:6.2f} s, {rate:5.0f} frames/s, '
                  f'{outcome.cpu_s:6.2f} s of CPU, {outcome.peak_mb:4.0f} MB, '
                  f'{outcome.images} images', flush=True)  # fmt: skip
        yield outcomes
    short = write_bag(folder / 'short', frames, arguments.frames // 4)
    few = run_process(ours(short, folder / 'out', '512x384'), folder / 'out')
    print(f'ours, a quarter of the frames: {few.peak_mb:.0f} MB')
    yield {'ours, a quarter': few}


def ratio(results: Sequence[dict[str, Outcome]], one: str, other: str) -> float:
    """Return how many times longer one takes than the other, as the median of the rounds."""
    both = [r for r in results if one in r and other in r]
    return round(statistics.median(r[one].seconds / r[other].seconds for r in both), 2)


def run(arguments: argparse.Namespace) -> dict[str, Any]:
    """Do all measurements in one run, alternating what is compared; return and print them."""
    with tempfile.TemporaryDirectory(prefix='bench-extract-') as name:
        *results, last = rounds(arguments, Path(name))
    result: dict[str, Any] = {
        'frames': arguments.frames,
        'cpus': default_workers(),
        'loop_over_ours': ratio(results, 'loop', 'ours'),
        'ours_over_floor': ratio(results, 'ours', 'floor'),
        'peak_mb': max(r['ours'].peak_mb for r in results),
        'peak_mb_quarter': last['ours, a quarter'].peak_mb,
        'loop_peak_mb': max(r['loop'].peak_mb for r in results),
    }
    if 'exporter' in results[0]:
        result['exporter'] = arguments.exporter
        result['exporter_over_ours'] = ratio(results, 'exporter', 'ours')
        result['exporter_over_ours_same_size'] = ratio(results, 'exporter', 'ours at 640x480')
    result['seconds'] = [{n: round(o.seconds, 2) for n, o in r.items()} for r in results]
    result['cpu_s'] = [{n: round(o.cpu_s, 2) for n, o in r.items()} for r in results]
    print(json.dumps(result, indent=1))
    return result
