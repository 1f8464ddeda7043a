"""The node as a benchmark starts it, and the streams of its cameras."""

import json
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from bench_inference import run_script
from bench_processes import OUTPUT, Stream
from inference_contenders import GENERATORS

from sim2real_ros.errors import ConfigError


def proxy(
    model: str, threads: int, *, cameras: int = 1, settings: Sequence[str] = ()
) -> tuple[str, ...]:
    """Return the command of a node.

    Args:
        model: Path of a file, or the name of one in models/.
        threads: Of inference; 0 = the back end's own choice.
        cameras: How many it serves: ``image_raw`` for one, else ``cam0/image_raw`` and so on.
        settings: Further parameters, ``name:=value``.
    """
    values = {'model': model, 'threads': threads, 'trial_run': 'false'}
    parameters = [item for k, v in values.items() for item in ('-p', f'{k}:={v}')]
    if cameras > 1:
        names = ', '.join(f"'{name}'" for name in camera_names(cameras))
        parameters += ['-p', f'cameras:=[{names}]']
    for each in settings:
        parameters += ['-p', each]
    return ('-m', 'sim2real_ros.ros.perception_proxy', '--ros-args', *parameters)


def camera_names(cameras: int) -> list[str]:
    """Return the namespaces of the cameras; one alone has none."""
    return [''] if cameras == 1 else [f'cam{number}' for number in range(cameras)]


def streams(cameras: int, frames: int, rate_hz: float, size: tuple[int, int]) -> list[Stream]:
    """Return what each camera sends, in frames and Hz of its own."""
    found = []
    for name in camera_names(cameras):
        topic = f'{name}/image_raw'.lstrip('/')
        output = OUTPUT.replace('image_raw', topic)
        found.append(Stream(frames, rate_hz, size, topic=topic, output=output))
    return found


@contextmanager
def model_files(models: Sequence[str], size: tuple[int, int]) -> Iterator[dict[str, str]]:
    """Give what to load, by the name to show; generators are written with random weights.

    Raises:
        ConfigError: A generator cannot be written here.
    """
    with tempfile.TemporaryDirectory(prefix='bench-node-') as folder:
        names = [each for each in models if each in GENERATORS]
        wishes = json.dumps([{'name': name, 'size': size} for name in names])
        written = run_script('random_models.py', folder, wishes) if names else []
        paths = {each['name']: each['path'] for each in written if 'path' in each}
        missing = [name for name in names if name not in paths]
        if missing:
            reasons = [each['reason'] for each in written if 'reason' in each]
            raise ConfigError(
                f'No model file of {", ".join(missing)}: '
                f'{"; ".join(reasons) or "install the extra [train], or give a file"}.'
            )
        yield {each: paths[each] for each in names} | {
            Path(each).stem: each for each in models if each not in names
        }
