"""Look at message types by name, and into serialized messages without deserializing them."""

import importlib
import re
import struct
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from sim2real_ros.errors import DataError

TYPE_NAME = re.compile(r'([a-z][a-z0-9_]*)/msg/([A-Z][A-Za-z0-9]*)')
# CDR starts with two bytes of representation (the second one odd for little-endian) and two of
# options; the stamp of a leading std_msgs/Header follows.
CDR_HEADER_BYTES = 4
STAMP_END = CDR_HEADER_BYTES + 8
NS_PER_S = 1_000_000_000


def message_class(msgtype: str) -> Any:
    """Import the Python class of a message type.

    Args:
        msgtype: Name such as `sensor_msgs/msg/Image`. It may come from a bag that nobody vouches
            for, so only packages that hold ROS messages are imported.

    Returns:
        The class.

    Raises:
        DataError: The name is not that of a message type, or its package is not installed.
    """
    match = TYPE_NAME.fullmatch(msgtype)
    if not match:
        raise DataError(f'{msgtype!r} is no message type; expected a name as package/msg/Type.')
    package, name = match.groups()
    spec = find_spec(package)
    folders = list(spec.submodule_search_locations or []) if spec else []
    if not any((Path(folder) / 'msg' / '__init__.py').is_file() for folder in folders):
        raise DataError(f'The message package {package!r} is not installed (for {msgtype!r}).')
    found = getattr(importlib.import_module(f'{package}.msg'), name, None)
    if found is None:
        raise DataError(f'The installed package {package!r} has no message {name!r}.')
    return found


def starts_with_header(cls: Any) -> bool:
    """Tell if the first field of a message class is a std_msgs/Header."""
    fields: dict[str, str] = cls.get_fields_and_field_types()
    return next(iter(fields.values()), '') == 'std_msgs/Header'


def header_stamp_ns(cdr: bytes) -> int | None:
    """Read the stamp of a serialized message that starts with a header.

    Args:
        cdr: Serialized message with its four leading bytes.

    Returns:
        Stamp in ns, None if the message is too short to have one.
    """
    if len(cdr) < STAMP_END:
        return None
    order = '<' if cdr[1] & 1 else '>'
    seconds, nanoseconds = struct.unpack_from(f'{order}iI', cdr, CDR_HEADER_BYTES)
    return int(seconds) * NS_PER_S + int(nanoseconds)


def topic_name_problem(name: str) -> str:
    """Return why ROS 2 refuses a topic name, empty if it does not."""
    from rclpy.exceptions import InvalidTopicNameException
    from rclpy.validate_full_topic_name import validate_full_topic_name

    try:
        validate_full_topic_name(name)
    except InvalidTopicNameException as error:
        return f'ROS 2 does not accept this name ({str(error).splitlines()[0]})'
    return ''
