"""Find the files that travel with the package: config, launch files and models.

The same file lies in different places: in the source tree, below the prefix that pip installed
into, or below a colcon install folder. This is the only place that knows them.
"""

import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath

from sim2real_ros.errors import ConfigError

PACKAGE = 'sim2real_ros'


def share_path(relative: str, *, environ: Mapping[str, str] = os.environ) -> Path:
    """Find one shipped file or folder.

    Args:
        relative: Path below the share folder with forward slashes, such as `config/fastdds.xml`.
        environ: Environment whose AMENT_PREFIX_PATH is searched.

    Returns:
        The first existing path, in the order of `share_folders`.

    Raises:
        ConfigError: The path is not relative, leaves the share folder, or exists nowhere; the
            message lists every folder that was searched.
    """
    parts = PurePosixPath(relative)
    if parts.is_absolute() or '..' in parts.parts:
        raise ConfigError(
            f'{relative!r} is not a path below the share folder of {PACKAGE}; '
            f"give a relative one, such as 'config/fastdds.xml'."
        )
    folders = list(share_folders(environ=environ))
    for folder in folders:
        if (path := folder / parts).exists():
            return path
    searched = ', '.join(str(folder) for folder in folders) or 'no folder exists'
    raise ConfigError(
        f'{relative!r} does not come with this installation of {PACKAGE} (searched: {searched}); '
        f'install the package again, or give the full path of your own file.'
    )


def model_path(model: str | Path, *, environ: Mapping[str, str] = os.environ) -> Path:
    """Find a model by its path, or by the name of one that comes with the package.

    Args:
        model: `models/own.onnx`, or a bare name such as `identity`.
        environ: Environment whose AMENT_PREFIX_PATH is searched.

    Returns:
        Anything that looks like a path, whether it exists or not; else the shipped model's file.

    Raises:
        ConfigError: It is neither a path nor the name of a shipped model; the message lists them.
    """
    text = str(model)
    path = Path(text)
    if isinstance(model, Path) or path.name != text or path.suffix or path.exists():
        return path.expanduser()
    shipped = shipped_models(environ=environ)
    if text not in shipped:
        raise ConfigError(
            f'No model {text!r} comes with {PACKAGE} (there are: '
            f'{", ".join(shipped) or "none"}); give one of these, or the path of an .onnx file.'
        )
    return shipped[text]


def shipped_models(*, environ: Mapping[str, str] = os.environ) -> dict[str, Path]:
    """Return the files of the models that come with the package, by name.

    Args:
        environ: Environment whose AMENT_PREFIX_PATH is searched.
    """
    shipped: dict[str, Path] = {}
    for folder in share_folders(environ=environ):
        for file in sorted(folder.glob('models/*.onnx')):
            shipped.setdefault(file.stem, file)
    return shipped


def share_folders(*, environ: Mapping[str, str] = os.environ) -> Iterator[Path]:
    """Yield the existing share folders, the one that belongs to this very copy first.

    Args:
        environ: Environment whose AMENT_PREFIX_PATH is searched.

    Yields:
        The source tree around the package, the share folder of the prefix that holds this
        module, the one of the running Python, then those of AMENT_PREFIX_PATH. No folder twice.
    """
    module = Path(__file__).resolve()
    prefixes = [*module.parents[2:], Path(sys.prefix)]
    prefixes += [Path(entry) for entry in environ.get('AMENT_PREFIX_PATH', '').split(os.pathsep)]
    candidates = [prefix / 'share' / PACKAGE for prefix in prefixes if prefix.is_absolute()]
    if (module.parents[1] / 'package.xml').is_file():
        candidates.insert(0, module.parents[1])
    yield from dict.fromkeys(folder for folder in candidates if folder.is_dir())
