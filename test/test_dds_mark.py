"""Tests that start nodes run alone: no other test can start one, and none of them is forgotten."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
START = "import rclpy; rclpy.init(); rclpy.create_node('node'); print('up')"


def start_node():
    return subprocess.run(
        [sys.executable, '-c', START], capture_output=True, text=True, timeout=120, check=False
    )


def test_no_node_starts_in_a_test_without_the_mark():
    pytest.importorskip('rclpy')
    done = start_node()
    assert done.returncode != 0
    assert 'only tests marked dds start nodes' in done.stderr


@pytest.mark.parametrize('word', ['mark.dds', 'def ros_context(', 'def launcher('])
def test_tests_with_the_mark_lie_where_make_looks_for_them(word):
    makefile = (ROOT / 'Makefile').read_text()
    folders = re.search(r'^DDS_TESTS = (.*)$', makefile, re.MULTILINE)[1].split()
    holders = [path for path in (ROOT / 'test').rglob('*.py') if word in path.read_text()]
    holders.remove(Path(__file__))
    assert holders
    for path in holders:
        assert any(path.is_relative_to(ROOT / folder) for folder in folders), path
