import os
import resource
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from batch_cases import SIZE, coded, coded_ids, write, write_coded, write_mask

from sim2real_ros.errors import DataError
from sim2real_ros.training.batches import image_cache
from sim2real_ros.training.batches.image_cache import open_cache
from sim2real_ros.training.batches.image_file import ImageFile, list_images
from sim2real_ros.training.batches.preparation import Preparation

NATIVE = Preparation('native', (4, 4))
SCALED = Preparation('size', (12, 8))


def files_of(folder, **changes):
    return tuple(ImageFile(folder / name, name, **changes) for name in list_images(folder))


def the_cache(folder):
    (found,) = folder.glob('*/images.cache')
    return found


def reports():
    """Return a list of what is reported, and what to report to."""
    seen = []
    return seen, lambda *report: seen.append(report)


@pytest.fixture
def images(tmp_path):
    return files_of(write_coded(tmp_path / 'images', 4))


def test_what_is_read_is_what_was_prepared(tmp_path, images):
    write(tmp_path / 'images/002.png', coded(2, (9, 30)))
    store = open_cache(images, NATIVE, tmp_path / 'cache', with_masks=False)
    assert [store.size(n) for n in range(4)] == [SIZE, SIZE, (9, 30), SIZE]
    for number in range(4):
        image, mask = store.read(number)
        assert mask is None
        assert not image.flags.writeable
        assert np.array_equal(image, coded(number, store.size(number)))


def test_masks_lie_beside_their_images(tmp_path):
    write_coded(tmp_path / 'images', 2)
    mask = write_mask(tmp_path / 'masks/000.png', coded_ids())
    files = files_of(tmp_path / 'images')
    files = (ImageFile(files[0].path, files[0].name, mask=mask), files[1])
    store = open_cache(files, NATIVE, tmp_path / 'cache', with_masks=True)
    assert np.array_equal(store.read(0)[0], coded(0))
    assert np.array_equal(store.read(0)[1], coded_ids())
    assert np.array_equal(store.read(1)[0], coded(1))
    assert (store.read(1)[1] == 255).all()


def test_a_second_time_nothing_is_decoded(tmp_path, images):
    seen, report = reports()
    open_cache(images, SCALED, tmp_path / 'cache', with_masks=False, progress=report)
    assert seen == [('decoded', n, 4) for n in (1, 2, 3, 4)]
    again = open_cache(images, SCALED, tmp_path / 'cache', with_masks=False, progress=report)
    assert len(seen) == 4
    assert np.array_equal(again.read(3)[0], SCALED.image(coded(3)))


def test_every_change_makes_another_cache(tmp_path, images):
    folder = images[0].path.parent
    seen, report = reports()

    def builds(files=images, preparation=SCALED, with_masks=False):
        seen.clear()
        open_cache(files, preparation, tmp_path / 'cache', with_masks=with_masks, progress=report)
        return bool(seen)

    assert builds()
    assert not builds()
    assert builds(preparation=Preparation('size', (12, 9)))
    assert builds(preparation=Preparation('size', (12, 8), skip_top=0.1))
    assert builds(preparation=NATIVE)
    assert builds(with_masks=True)
    assert builds(images[:3])
    assert builds(files_of(folder, half='left'))
    os.utime(images[1].path, ns=(1, 1))
    assert builds()
    images[1].path.write_bytes(images[1].path.read_bytes() + b'\0')
    os.utime(images[1].path, ns=(1, 1))
    assert builds()
    images[3].path.rename(folder / '009.png')
    assert builds(files_of(folder))
    assert builds(files_of(shutil.copytree(folder, tmp_path / 'copy')))
    assert not builds(files_of(folder))


def test_a_changed_mask_makes_another_cache(tmp_path, images):
    mask = write_mask(tmp_path / 'masks/000.png', coded_ids())
    files = (ImageFile(images[0].path, images[0].name, mask=mask),)
    open_cache(files, NATIVE, tmp_path / 'cache', with_masks=True)
    write_mask(mask, coded_ids() + 1)
    os.utime(mask, ns=(1, 1))
    store = open_cache(files, NATIVE, tmp_path / 'cache', with_masks=True)
    assert np.array_equal(store.read(0)[1], coded_ids() + 1)


def _cut(content):
    return content[: len(content) // 2]


@pytest.mark.parametrize(
    'damage',
    [
        _cut,
        lambda content: b'',
        lambda content: content[:-1] + b'x',
        lambda content: content[1:],
        lambda content: b'\0' + content,
        lambda content: content.replace(b'"sizes"', b'"siyes"'),
        lambda content: content.replace(b'{', b'['),
        lambda content: content.replace(b'[24', b'[25'),
        lambda content: content.replace(b'[24, 16]', b'"ab"    '),
        lambda content: content.replace(b'[24, 16]', b'[-4,-96]'),
    ],
)
def test_a_damaged_cache_is_made_anew(tmp_path, images, damage):
    open_cache(images, NATIVE, tmp_path / 'cache', with_masks=False)
    path = the_cache(tmp_path / 'cache')
    path.write_bytes(damage(path.read_bytes()))
    seen, report = reports()
    store = open_cache(images, NATIVE, tmp_path / 'cache', with_masks=False, progress=report)
    assert len(seen) == 4
    assert np.array_equal(store.read(3)[0], coded(3))


def test_unreadable_images_are_remembered(tmp_path, images):
    content = images[1].path.read_bytes()
    images[1].path.write_bytes(content[: len(content) // 2])
    seen, report = reports()
    for _ in range(2):
        store = open_cache(images, NATIVE, tmp_path / 'cache', with_masks=False, progress=report)
        assert seen[0] == ('decoded', 1, 4)
        assert seen[-1] == ('decoded (1 unreadable)', 4, 4)
        assert store.size(1) is None
        assert store.read(1) is None
        assert np.array_equal(store.read(2)[0], coded(2))
        (skipped,) = store.skipped
        assert skipped.where == str(images[1].path)
        assert 'cut off' in skipped.reason or 'truncated' in skipped.reason


def test_a_set_without_any_readable_image_can_be_stored(tmp_path):
    (tmp_path / 'images').mkdir()
    (tmp_path / 'images/a.png').write_bytes(b'no image')
    store = open_cache(files_of(tmp_path / 'images'), NATIVE, tmp_path / 'c', with_masks=False)
    assert store.size(0) is None


BUILDER = """
import sys
from pathlib import Path
from sim2real_ros.training.batches.image_cache import open_cache
from sim2real_ros.training.batches.image_file import ImageFile, list_images
from sim2real_ros.training.batches.preparation import Preparation

def report(what, done, total):
    if done == 3:
        print('three', flush=True)
        sys.stdin.read()

folder = Path(sys.argv[1])
files = tuple(ImageFile(folder / name, name) for name in list_images(folder))
open_cache(files, Preparation('native', (4, 4)), Path(sys.argv[2]), with_masks=False,
           progress=report)
"""


def test_a_killed_builder_leaves_nothing_behind(tmp_path, images):
    fcntl = pytest.importorskip('fcntl')
    command = [sys.executable, '-c', BUILDER, str(tmp_path / 'images'), str(tmp_path / 'cache')]
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, 'PYTHONPATH': str(Path(__file__).parents[3])},
    ) as builder:
        assert builder.stdout.readline() == b'three\n'
        (lock,) = (tmp_path / 'cache').glob('*/lock')
        with lock.open('wb') as file, pytest.raises(BlockingIOError):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        builder.send_signal(signal.SIGKILL)
    assert builder.returncode == -signal.SIGKILL
    assert not list((tmp_path / 'cache').glob('*/images.cache'))
    assert list((tmp_path / 'cache').glob('*/.partial-*'))
    store = open_cache(images, NATIVE, tmp_path / 'cache', with_masks=False)
    assert [np.array_equal(store.read(n)[0], coded(n)) for n in range(4)] == [True] * 4
    assert sorted(each.name for each in lock.parent.iterdir()) == ['images.cache', 'lock']


def test_who_comes_while_another_builds_waits_and_builds_nothing(tmp_path, images, monkeypatch):
    building, waiting = threading.Event(), threading.Event()
    stores, seen = {}, {'first': [], 'second': []}

    def report(who):
        def progress(what, done, total):
            seen[who].append(done)
            building.set()
            assert waiting.wait(30)

        return progress

    locked = image_cache._locked

    def watched(place):
        if building.is_set():
            waiting.set()
        return locked(place)

    def build(who):
        stores[who] = open_cache(
            images, NATIVE, tmp_path / 'cache', with_masks=False, progress=report(who)
        )

    monkeypatch.setattr(image_cache, '_locked', watched)
    first = threading.Thread(target=build, args=['first'])
    first.start()
    assert building.wait(30)
    build('second')
    first.join(30)
    assert seen == {'first': [1, 2, 3, 4], 'second': []}
    assert all(np.array_equal(store.read(3)[0], coded(3)) for store in stores.values())


def test_where_nothing_can_be_locked_both_build(tmp_path, images, monkeypatch):
    class NoLocks:
        LOCK_EX = 0

        @staticmethod
        def flock(file, operation):
            raise OSError('no locks here')

    monkeypatch.setattr(image_cache, 'fcntl', NoLocks)
    results = []

    def inner(what, done, total):
        # The other one begins and ends in the middle of this one, and must not be disturbed.
        if done == 2 and not results:
            results.append(open_cache(images, NATIVE, tmp_path / 'cache', with_masks=False))

    results.append(
        open_cache(images, NATIVE, tmp_path / 'cache', with_masks=False, progress=inner)
    )
    assert len(results) == 2
    assert all(np.array_equal(store.read(1)[0], coded(1)) for store in results)


def test_a_full_disk_is_explained_and_leaves_nothing(tmp_path, images):
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, before[1]))
    try:
        with pytest.raises(DataError, match=r'cannot be made: File too large\. Make room.*false'):
            open_cache(images, NATIVE, tmp_path / 'cache', with_masks=False)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)
    assert [each.name for each in (tmp_path / 'cache').rglob('*') if each.is_file()] == ['lock']
    store = open_cache(images, NATIVE, tmp_path / 'cache', with_masks=False)
    assert np.array_equal(store.read(3)[0], coded(3))


def test_a_disk_that_is_too_small_is_not_filled(tmp_path, images, monkeypatch):
    free = shutil.disk_usage(tmp_path)._replace(free=4 * 12 * 8 * 3 - 1)
    monkeypatch.setattr(shutil, 'disk_usage', lambda place: free)
    with pytest.raises(DataError, match=r'it takes 0 MB, and 0 MB are free.*data.cache: false'):
        open_cache(images, SCALED, tmp_path / 'cache', with_masks=False)
    monkeypatch.setattr(shutil, 'disk_usage', lambda place: free._replace(free=4 * 12 * 8 * 3))
    open_cache(images, SCALED, tmp_path / 'cache', with_masks=False)


def test_a_folder_that_cannot_be_made_is_explained(tmp_path, images):
    (tmp_path / 'file').touch()
    with pytest.raises(DataError, match=r'Not a directory.*another data\.cache_folder'):
        open_cache(images, NATIVE, tmp_path / 'file/cache', with_masks=False)


def test_an_image_that_has_vanished_is_named(tmp_path, images):
    images[2].path.unlink()
    with pytest.raises(DataError, match=r"Cannot read .*002\.png': No such file"):
        open_cache(images, NATIVE, tmp_path / 'cache', with_masks=False)


def test_caches_lie_in_the_users_cache_folder(monkeypatch, tmp_path):
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path))
    assert image_cache.default_cache_folder() == tmp_path / 'sim2real_ros/training_images'
    monkeypatch.delenv('XDG_CACHE_HOME')
    monkeypatch.setenv('HOME', str(tmp_path))
    assert image_cache.default_cache_folder().is_relative_to(tmp_path / '.cache')
