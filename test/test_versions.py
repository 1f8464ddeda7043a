import re
import xml.etree.ElementTree as ElementTree
from datetime import date
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pytest

import sim2real_ros

ROOT = Path(__file__).resolve().parents[1]
CHANGELOG = (ROOT / 'CHANGELOG.rst').read_text('utf-8')
SECTION = re.compile(r'^(Forthcoming|(\d+\.\d+\.\d+) \((\d{4}-\d\d-\d\d)\))\n(-+)\n', re.MULTILINE)


def sections():
    """Return (version, date) of every section of the change log, as it stands."""
    return [(found[2], found[3]) for found in SECTION.finditer(CHANGELOG) if found[2]]


def test_the_package_xml_carries_the_version():
    package = ElementTree.parse(ROOT / 'package.xml').getroot()
    assert package.findtext('version') == sim2real_ros.__version__
    assert package.findtext('name') == 'sim2real_ros'


def test_the_newest_section_of_the_change_log_is_this_version():
    assert sections()[0][0] == sim2real_ros.__version__


def test_the_change_log_follows_rep_132():
    title = 'Changelog for package sim2real_ros'
    assert CHANGELOG.splitlines()[:3] == ['^' * len(title), title, '^' * len(title)]
    for found in SECTION.finditer(CHANGELOG):
        assert len(found[4]) == len(found[1]), f'the line below {found[1]!r} has another length'
    versions = [tuple(map(int, name.split('.'))) for name, _ in sections()]
    assert versions == sorted(set(versions), reverse=True)
    dates = [date.fromisoformat(day) for _, day in sections()]
    assert dates == sorted(dates, reverse=True)


def test_every_section_says_something():
    found = list(SECTION.finditer(CHANGELOG))
    ends = [*[section.start() for section in found[1:]], len(CHANGELOG)]
    for section, end in zip(found, ends, strict=True):
        assert re.search(r'^\* \S', CHANGELOG[section.end() : end], re.MULTILINE), section[1]


def test_setup_py_reads_the_version_instead_of_repeating_it():
    text = (ROOT / 'setup.py').read_text('utf-8')
    assert sim2real_ros.__version__ not in text.replace('==', '')
    assert 'version=VERSION' in text


def test_the_installed_distribution_has_the_version():
    try:
        installed = version('sim2real_ros')
    except PackageNotFoundError:
        pytest.skip('run from a source tree that is not installed')
    assert installed == sim2real_ros.__version__
