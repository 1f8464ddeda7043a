"""Write when each message was sent or received, to measure latency across processes."""

import json
from pathlib import Path
from typing import Any, TextIO

from sim2real_ros.errors import DataError
from sim2real_ros.ros.bags.messages import header_stamp_ns, message_class, starts_with_header


class MessageLog:
    """A file of JSON lines: topic, header stamp (`stamp_ns`, null without one) and moment.

    The moment is CLOCK_MONOTONIC in ns, which all processes of a machine share. Without a path
    nothing is written, so that callers need not ask.
    """

    def __init__(self, path: Path | None, moment: str) -> None:
        """Open the file.

        Args:
            path: File to write, replaced if it exists; None for no log.
            moment: Key of the moment, such as `send_ns`.

        Raises:
            DataError: The file cannot be written.
        """
        self._moment = moment
        self._has_header: dict[str, bool] = {}
        self._file: TextIO | None = None
        if path is not None:
            try:
                # By lines: a process that is killed leaves complete ones.
                self._file = path.open('w', encoding='utf-8', buffering=1)
            except OSError as error:
                raise DataError(f'Cannot write the log {str(path)!r}: {error}.') from error

    def write(self, topic: str, msgtype: str, cdr: bytes, moment_ns: int) -> None:
        """Add one line.

        Args:
            topic: Name of the topic.
            msgtype: Installed message type.
            cdr: Serialized message.
            moment_ns: CLOCK_MONOTONIC.
        """
        if self._file is None:
            return
        if msgtype not in self._has_header:
            self._has_header[msgtype] = starts_with_header(message_class(msgtype))
        stamp_ns = header_stamp_ns(cdr) if self._has_header[msgtype] else None
        line: dict[str, Any] = {'topic': topic, 'stamp_ns': stamp_ns, self._moment: moment_ns}
        self._file.write(json.dumps(line) + '\n')

    def __enter__(self) -> 'MessageLog':
        """Return itself."""
        return self

    def __exit__(self, *_error: object) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
