"""Find the files about a robot's perception that come with the package."""

from pathlib import Path

from sim2real_ros.errors import ConfigError
from sim2real_ros.resources import share_path

_FOLDER = 'config/perception'


def perception_file(name: str | Path) -> Path:
    """Find a YAML file by its path, or by the name of one that comes with the package.

    Args:
        name: ``my_robot.yaml``, or a bare name such as ``duckietown_real``.

    Returns:
        Anything that looks like a path, whether it exists or not; else the shipped file.

    Raises:
        ConfigError: It is neither a path nor the name of a shipped file; the message lists them.
    """
    path = Path(name).expanduser()
    if path.suffix or len(path.parts) > 1 or path.exists():
        return path
    shipped = {each.stem: each for each in sorted(share_path(_FOLDER).glob('*.yaml'))}
    if str(name) not in shipped:
        raise ConfigError(
            f'{str(name)!r} is neither a file nor one of those that come with the package '
            f'({", ".join(shipped)})'
        )
    return shipped[str(name)]
