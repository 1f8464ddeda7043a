"""Find the definitions of message types, which a bag carries so that others can read it."""

import os
import sys
from collections.abc import Iterable
from pathlib import Path

from rosbags.typesys import Stores, get_types_from_msg, get_typestore

from sim2real_ros.errors import DataError
from sim2real_ros.ros.bags.messages import TYPE_NAME


class TypeDefinitions:
    """Message definitions: of ROS 2 itself, and of the packages that are installed."""

    def __init__(self, share_folders: Iterable[Path] | None = None) -> None:
        """Start with the types of ROS 2.

        Args:
            share_folders: Folders with `<package>/msg/<Type>.msg`; those of the ROS environment
                and of the running Python if None.
        """
        self.store = get_typestore(Stores.ROS2_JAZZY)
        self._folders = list(installed_share() if share_folders is None else share_folders)

    def learn(self, msgtype: str) -> None:
        """Make a type and all types inside it known to the store.

        Args:
            msgtype: Name such as `sensor_msgs/msg/Image`.

        Raises:
            DataError: No definition is installed, or it cannot be parsed.
        """
        if msgtype in self.store.fielddefs:
            return
        try:
            definitions = get_types_from_msg(self._read(msgtype), msgtype)
        except DataError:
            raise
        except Exception as error:
            raise DataError(f'The definition of {msgtype!r} cannot be parsed: {error}') from error
        for inner in inner_names(definitions):
            if inner not in definitions:
                self.learn(inner)
        self.store.register(definitions)

    def _read(self, msgtype: str) -> str:
        match = TYPE_NAME.fullmatch(msgtype)
        if match:
            package, name = match.groups()
            for folder in self._folders:
                path = folder / package / 'msg' / f'{name}.msg'
                if path.is_file():
                    return path.read_text(encoding='utf-8')
        raise DataError(
            f'No definition of {msgtype!r} is installed (looked for .msg files below '
            f'{", ".join(map(str, self._folders))}); source the workspace that has it.'
        )


def inner_names(definitions: object) -> list[str]:
    """Return the names of the message types that definitions refer to."""
    found: set[str] = set()
    stack: list[object] = [definitions]
    while stack:
        value = stack.pop()
        if isinstance(value, str) and TYPE_NAME.fullmatch(value):
            found.add(value)
        elif isinstance(value, dict):
            stack += value.values()
        elif isinstance(value, (list, tuple)):
            stack += value
    return sorted(found)


def installed_share() -> list[Path]:
    """Return the share folders of the ROS environment, then of the running Python."""
    prefixes = os.environ.get('AMENT_PREFIX_PATH', '').split(os.pathsep)
    folders = [Path(prefix) / 'share' for prefix in [*filter(None, prefixes), sys.prefix]]
    return list(dict.fromkeys(folders))
