"""Decompress and compress with bounds: the sizes that a bag claims are not trusted."""

import bz2
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sim2real_ros.bags.damage import DamageError
from sim2real_ros.bags.packages import lz4_frame, zstd_module

MAX_CHUNK_BYTES = 1 << 30
"""Of one chunk or message, decompressed."""

ZSTD_MAGIC = b'\x28\xb5\x2f\xfd'
BLOCK_BYTES = 1 << 20


def decompress(name: str, data: bytes, limit: int = MAX_CHUNK_BYTES) -> tuple[bytes, bool]:
    """Decompress as far as the data go.

    Args:
        name: ``lz4``, ``zstd``, ``bz2``, or '' and ``none`` for plain bytes.
        data: The compressed bytes, possibly cut off.
        limit: Largest result in bytes.

    Returns:
        What came out, and whether the stream came to its own end.

    Raises:
        DamageError: The bytes are wrong, grow beyond the limit, or the compression is unknown.
    """
    if name in ('', 'none'):
        if len(data) > limit:
            raise DamageError(f'{len(data)} bytes where at most {limit} are expected')
        return data, True
    pieces: list[bytes] = []
    total, whole = 0, False
    while data:
        decoder = _decoder(name)
        piece = _decode(decoder, data, limit - total)
        pieces.append(piece)
        total += len(piece)
        whole = decoder.eof
        # A stream may consist of several frames.
        data = (decoder.unused_data or b'') if whole else b''
    return b''.join(pieces), whole


def _decode(decoder: Any, data: bytes, limit: int) -> bytes:
    zstd = zstd_module()
    try:
        found: bytes = decoder.decompress(data, max_length=limit)
        # At the limit the decoder may merely not have seen the end of its stream yet.
        beyond = b'' if decoder.eof or decoder.needs_input else decoder.decompress(b'', 1)
    except (OSError, EOFError, RuntimeError, ValueError, MemoryError, zstd.ZstdError) as error:
        raise DamageError(f'cannot be decompressed ({error})') from error
    if beyond:
        raise DamageError(f'grows beyond {limit} bytes')
    return found


def _decoder(name: str) -> Any:
    if name == 'lz4':
        return lz4_frame().LZ4FrameDecompressor()
    if name == 'zstd':
        return zstd_module().ZstdDecompressor()
    if name == 'bz2':
        return bz2.BZ2Decompressor()
    raise DamageError(f'has the unknown compression {name[:40]!r}')


def zstd_blocks(path: Path) -> Iterator[bytes]:
    """Yield the content of a zstd file in small blocks.

    Raises:
        DamageError: The file is damaged or breaks off; what came before has been yielded.
    """
    zstd = zstd_module()
    decoder = zstd.ZstdDecompressor()
    with path.open('rb') as file:
        data = file.read(BLOCK_BYTES)
        while data or not (decoder.needs_input or decoder.eof):
            if decoder.eof:
                decoder = zstd.ZstdDecompressor()
            try:
                yield decoder.decompress(data, BLOCK_BYTES)
            except zstd.ZstdError as error:
                raise DamageError(f'its compression is damaged ({error})') from error
            if decoder.eof:
                data = decoder.unused_data or file.read(BLOCK_BYTES)
            else:
                data = file.read(BLOCK_BYTES) if decoder.needs_input else b''
    if not decoder.eof:
        raise DamageError('its compression breaks off')


def compress(name: str, data: bytes) -> bytes:
    """Compress with one of the names of ``decompress``."""
    if name == 'lz4':
        packed: bytes = lz4_frame().compress(data)
        return packed
    if name == 'zstd':
        return bytes(zstd_module().compress(data))
    if name == 'bz2':
        return bz2.compress(data)
    return data


def compress_file(plain: Path, target: Path) -> None:
    """Compress a file with zstd, and remove the original."""
    encoder = zstd_module().ZstdCompressor()
    with plain.open('rb') as source, target.open('wb') as output:
        while block := source.read(BLOCK_BYTES):
            output.write(encoder.compress(block))
        output.write(encoder.flush())
    plain.unlink()
