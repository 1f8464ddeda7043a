"""Describe the machine of a measurement: what numbers depend on, and nothing that names it."""

import os
import platform
from importlib import metadata
from pathlib import Path
from typing import Any

FLAGS = (
    *('avx', 'avx2', 'fma', 'f16c', 'avx512f', 'avx512_vnni', 'avx512_bf16', 'avx512_fp16'),
    *('amx_tile', 'amx_bf16', 'amx_int8', 'asimd', 'asimdhp', 'asimddp', 'bf16', 'sve'),
)
"""Instruction sets that decide how fast networks run."""

PACKAGES = (
    *('sim2real_ros', 'numpy', 'opencv-python-headless', 'opencv-python', 'onnx', 'onnxruntime'),
    *('onnxruntime-gpu', 'openvino', 'numba', 'torch', 'tensorrt', 'rclpy'),
)


def describe_machine() -> dict[str, Any]:
    """Return model and flags of the CPU, cores that may be used, memory, and versions."""
    return {
        **cpu_facts(Path('/proc/cpuinfo')),
        'architecture': platform.machine(),
        'cores': usable_cores(),
        'memory_gib': round(os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30, 1),
        'system': platform.system(),
        'python': platform.python_version(),
        'versions': versions(),
    }


def usable_cores() -> int:
    """Return how many cores this process may run on."""
    if hasattr(os, 'sched_getaffinity'):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def cpu_facts(cpuinfo: Path) -> dict[str, Any]:
    """Return name and flags of a CPU as Linux tells them; empty where it does not."""
    facts: dict[str, str] = {}
    if cpuinfo.is_file():
        for line in cpuinfo.read_text('utf-8', 'replace').splitlines():
            key, _, value = line.partition(':')
            facts.setdefault(key.strip().lower(), value.strip())
    flags = facts.get('flags', facts.get('features', '')).split()
    name = facts.get('model name', '')
    family = [facts[key] for key in ('cpu family', 'model') if key in facts]
    return {
        'cpu': name + (f' (family {family[0]}, model {family[1]})' if len(family) == 2 else ''),
        'flags': [flag for flag in FLAGS if flag in flags],
    }


def versions() -> dict[str, str]:
    """Return the versions of the packages that are installed."""
    found = {}
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def machine_line(machine: dict[str, Any]) -> str:
    """Say in one sentence what a table was measured on."""
    flags = ', '.join(machine['flags']) or 'no flags known'
    packages = ', '.join(f'{name} {version}' for name, version in machine['versions'].items())
    return (
        f'{machine["cores"]} cores of {machine["cpu"] or machine["architecture"]} ({flags}), '
        f'{machine["memory_gib"]} GiB, Python {machine["python"]}, {packages}.'
    )
