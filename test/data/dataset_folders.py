"""Write small folders of images as the tools leave them, and compare whole trees."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from sim2real_ros.files import Manifest, ManifestRecord, read_manifest, sha256_of_bytes
from sim2real_ros.files.output_job import JOURNAL_NAME
from sim2real_ros.image.encode_file import encode_file

SIZE = (32, 24)


def picture(number, size=SIZE):
    """Make a picture that looks like no other number's."""
    coarse = np.random.default_rng(number).integers(0, 256, (6, 8, 3), np.uint8)
    rows = np.arange(size[1]) * 6 // size[1]
    columns = np.arange(size[0]) * 8 // size[0]
    return np.ascontiguousarray(coarse[rows][:, columns])


def write_picture(path, number, size=SIZE, image_format='png'):
    path.parent.mkdir(parents=True, exist_ok=True)
    content = encode_file(picture(number, size), image_format)
    path.write_bytes(content)
    return content


def write_plain(folder, names, *, first=0, size=SIZE):
    """Write images without a manifest, each another picture."""
    for number, name in enumerate(names, first):
        write_picture(folder / name, number, size)
    return folder


def write_extracted(
    folder, source, count, *, first=0, topic='/camera', labels=(), rate_hz=10, start_ns=10**18
):
    """Write what extract-frames leaves: images, manifest, and labels where asked for.

    ``labels`` is a sequence of texts of label files, used in turn; None leaves one out.
    """
    records = []
    for index in range(count):
        file = f'images/{index:06d}.png'
        content = write_picture(folder / file, first + index)
        named = ()
        text = labels[index % len(labels)] if labels else None
        if text is not None:
            named = (f'labels/{index:06d}.txt',)
            (folder / 'labels').mkdir(exist_ok=True)
            (folder / named[0]).write_text(text)
        records.append(
            ManifestRecord(
                file,
                sha256_of_bytes(content),
                len(content),
                SIZE,
                source=source,
                topic=topic,
                index=index,
                stamp_ns=start_ns + round(index * 1e9 / rate_hz),
                labels=named,
            )
        )
    Manifest('extract-frames', records=tuple(records)).write(folder)
    return folder


def write_translated(folder, sim, model, *, first=1000, skip=(), sources=()):
    """Write what translate leaves for a folder of ``write_extracted``."""
    records = []
    for index, record in enumerate(read_manifest(sim).records):
        if index in skip:
            continue
        content = write_picture(folder / record.file, first + index)
        made = {'sha256': sha256_of_bytes(content), 'bytes': len(content)}
        parent = record.sha256
        for label in record.labels:
            (folder / label).parent.mkdir(parents=True, exist_ok=True)
            (folder / label).write_bytes((sim / label).read_bytes())
        records.append(replace(record, **made, parent_sha256=parent, model=model))
    header = tuple({'path': str(each)} for each in sources)
    Manifest('translate', sources=header, records=tuple(records)).write(folder)
    return folder


def tree(folder):
    """Return all files of a folder with their bytes."""
    files = (Path(root) / name for root, _, names in os.walk(folder) for name in names)
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


_STOPPED = """
import sys, threading
from sim2real_ros.cli import main
from sim2real_ros.files import OutputJob

commit, count = OutputJob.commit, 0

def commit_and_stop(self, *args, **kwargs):
    global count
    commit(self, *args, **kwargs)
    count += 1
    if count == int(sys.argv[1]):
        threading.Event().wait()

OutputJob.commit = commit_and_stop
sys.exit(main(sys.argv[2:]))
"""


def run_and_kill(arguments, output, commits):
    """Run a verb, kill it with SIGKILL when some items are finished, and wait for its end."""
    words = [str(each) for each in arguments]
    command = [sys.executable, '-c', _STOPPED, str(commits), *words]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    journal = output / JOURNAL_NAME
    try:
        while process.poll() is None:
            if journal.is_file() and journal.read_bytes().count(b'{"key"') >= commits:
                break
            time.sleep(0.01)
        assert process.poll() is None, 'the verb ended before it could be killed'
        process.send_signal(signal.SIGKILL)
    finally:
        process.kill()
        process.wait()
    assert journal.is_file()
