"""Make the package play-launch run launch files on a Python that has no ROS installation.

play-launch is a launch implementation in Rust that runs `.launch.py` files. Its binary is linked
for a ROS installation; what a machine without one lacks is put into a folder of our own:

* two libraries of the package composition_interfaces, which only containers of components use:
  stubs with the symbols that the loader asks for, compiled on the spot,
* the shared library of the Python version that it was built with: of the C API it uses only what
  every version since has kept, so the running Python's library serves under that name.
"""

import importlib.util
import os
import platform
import re
import shutil
import subprocess
import sys
import sysconfig
from ctypes.util import find_library
from pathlib import Path

STUBS = {
    'libcomposition_interfaces__rosidl_generator_c.so': [
        'composition_interfaces__srv__ListNodes_Request__init',
        'composition_interfaces__srv__ListNodes_Response__init',
        'composition_interfaces__srv__LoadNode_Response__init',
        'composition_interfaces__srv__UnloadNode_Response__init',
    ],
    'libcomposition_interfaces__rosidl_typesupport_c.so': [
        f'rosidl_typesupport_c__get_service_type_support_handle__composition_interfaces__srv__{name}'
        for name in ('ListNodes', 'LoadNode', 'UnloadNode')
    ],
}


class UnavailableError(Exception):
    """play-launch cannot run here; the message says what is missing."""


def package_folder() -> Path:
    spec = importlib.util.find_spec('play_launch')
    if spec is None or spec.origin is None:
        raise UnavailableError('play-launch is not installed (pip install play-launch)')
    return Path(spec.origin).parent


def compile_stub(library: Path, symbols: list[str]) -> None:
    compiler = shutil.which('cc') or shutil.which('gcc')
    if compiler is None:
        raise UnavailableError('no C compiler for the stub libraries (cc or gcc)')
    source = library.with_suffix('.c')
    source.write_text(''.join(f'void *{symbol}(void) {{ return 0; }}\n' for symbol in symbols))
    subprocess.run(
        [compiler, '-shared', '-fPIC', str(source), '-o', str(library)], check=True, timeout=60
    )


def running_libpython() -> Path:
    name = sysconfig.get_config_var('INSTSONAME') or ''
    for folder in (sysconfig.get_config_var('LIBDIR'), sysconfig.get_config_var('LIBPL')):
        if folder and '.so' in name and (path := Path(folder) / name).is_file():
            return path
    raise UnavailableError(f'{sys.executable} has no shared library libpython')


def library_path(shim: Path, package: Path) -> str:
    # The wheels of ROS keep their libraries below the prefix and in folders of their own.
    wheels = sorted(Path(sysconfig.get_path('purelib')).glob('ros_*.libs'))
    folders = [shim, package / 'lib', Path(sys.prefix) / 'lib', *wheels]
    old = os.environ.get('LD_LIBRARY_PATH', '')
    return os.pathsep.join([*map(str, folders), *filter(None, [old])])


def prepare(shim: Path) -> dict[str, str]:
    """Build what is missing into a folder; return the additions to the environment.

    Raises:
        UnavailableError: Something is missing that cannot be built.
    """
    package = package_folder()
    if platform.machine() != 'x86_64' or sys.platform != 'linux':
        raise UnavailableError(
            f'play-launch has no binary for {sys.platform} {platform.machine()}'
        )
    if find_library('z3') is None:
        raise UnavailableError('play-launch needs libz3 (apt install libz3-4)')
    shim.mkdir(parents=True, exist_ok=True)
    for name, symbols in STUBS.items():
        compile_stub(shim / name, symbols)
    wanted = re.search(rb'libpython3\.\d+\.so\.1\.0', binary(package).read_bytes())
    if wanted:
        (shim / wanted[0].decode()).symlink_to(running_libpython())
    return {
        'LD_LIBRARY_PATH': library_path(shim, package),
        # The wheels would execute an embedded Python again, to set LD_LIBRARY_PATH.
        '_ROS_WHEELS_BOOTSTRAP_COMPLETE': '1',
        'ROS_DISTRO': os.environ.get('ROS_DISTRO', 'jazzy'),
        'PATH': os.pathsep.join([str(Path(sys.executable).parent), os.environ.get('PATH', '')]),
        'NO_COLOR': '1',
    }


def binary(package: Path) -> Path:
    return package / 'bin' / 'play_launch'


def prefixes(package: Path) -> list[str]:
    return [sys.prefix, str(package)]
