"""Files that outlive an accident: atomic writes, safe names, manifests, resumable work."""

from sim2real_ros.files.atomic_write import atomic_path, write_atomically
from sim2real_ros.files.checksum import sha256_of_bytes, sha256_of_file
from sim2real_ros.files.manifest import (
    MANIFEST_NAME,
    Manifest,
    ManifestRecord,
    Omission,
    read_manifest,
)
from sim2real_ros.files.ordered_map import default_workers, ordered_map, worker_threads
from sim2real_ros.files.output_job import OutputJob
from sim2real_ros.files.safe_name import NameTable, path_inside, safe_name, safe_relative_path

__all__ = [
    'MANIFEST_NAME',
    'Manifest',
    'ManifestRecord',
    'NameTable',
    'Omission',
    'OutputJob',
    'atomic_path',
    'default_workers',
    'ordered_map',
    'path_inside',
    'read_manifest',
    'safe_name',
    'safe_relative_path',
    'sha256_of_bytes',
    'sha256_of_file',
    'worker_threads',
    'write_atomically',
]
