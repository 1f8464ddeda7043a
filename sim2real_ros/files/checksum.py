"""SHA-256 of files and bytes, as hexadecimal text."""

import hashlib
from pathlib import Path

from sim2real_ros.errors import DataError

_CHUNK_BYTES = 2**20


def sha256_of_bytes(content: bytes) -> str:
    """Return the checksum of some bytes: 64 hexadecimal digits."""
    return hashlib.sha256(content).hexdigest()


def sha256_of_file(path: Path) -> str:
    """Return the checksum of a file, read piece by piece.

    Raises:
        DataError: The file cannot be read.
    """
    digest = hashlib.sha256()
    try:
        with path.open('rb') as file:
            while chunk := file.read(_CHUNK_BYTES):
                digest.update(chunk)
    except OSError as error:
        raise DataError(f'Cannot read {str(path)!r}: {error.strerror or error}.') from error
    return digest.hexdigest()
