"""kill -9 in the middle of rewriting: no half of a bag, and the next run is like the first."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from bag_variants import write_variant

from sim2real_ros.bags import rewrite_bag
from sim2real_ros.errors import DataError

PROGRAM = """
import sys, time
from pathlib import Path
from sim2real_ros.bags import rewrite_bag

def change(stream):
    for number, message in enumerate(stream):
        yield message
        if number == int(sys.argv[3]):
            print('here', flush=True)
            time.sleep(600)

rewrite_bag(Path(sys.argv[1]), Path(sys.argv[2]), change, force=True)
"""


def start(source, target, number):
    """Start a rewriter that stops, and waits to be killed, after some messages."""
    process = subprocess.Popen(
        [sys.executable, '-c', PROGRAM, source, target, str(number)],
        stdout=subprocess.PIPE,
        env={**os.environ, 'PYTHONPATH': str(Path(__file__).parents[2])},
    )
    assert process.stdout.readline() == b'here\n'
    return process


def kill(process):
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()


def tree(path):
    if path.is_file():
        return path.read_bytes()
    return {each.name: each.read_bytes() for each in path.iterdir()}


@pytest.mark.parametrize('variant', ['mcap-lz4', 'db3-file', 'ros1-bz2'])
@pytest.mark.parametrize('number', [0, 30])
def test_killed_rewriting_leaves_nothing_but_its_workshop(variant, number, tmp_path):
    source = write_variant(variant, tmp_path)
    whole, target = tmp_path / 'whole', tmp_path / 'target'
    rewrite_bag(source, whole, lambda stream: stream)
    kill(start(source, target, number))
    assert not target.exists()
    assert (tmp_path / '.partial-target').is_dir()
    rewrite_bag(source, target, lambda stream: stream)
    assert tree(target) == tree(whole)
    assert not (tmp_path / '.partial-target').exists()


def test_killed_replacing_leaves_the_old_bag(tmp_path):
    source, target = write_variant('mcap', tmp_path), tmp_path / 'target'
    rewrite_bag(source, target, lambda stream: stream)
    before = tree(target)
    kill(start(source, target, 30))
    assert tree(target) == before


def test_two_runs_for_one_target_are_kept_apart(tmp_path):
    source, target = write_variant('mcap', tmp_path), tmp_path / 'target'
    process = start(source, target, 5)
    try:
        with pytest.raises(DataError, match='Another process is writing'):
            rewrite_bag(source, target, lambda stream: stream)
    finally:
        kill(process)
    rewrite_bag(source, target, lambda stream: stream)
    assert target.is_dir()
