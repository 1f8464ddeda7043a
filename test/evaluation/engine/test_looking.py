import gc
import threading
import weakref

import cv2
import numpy as np
import pytest

from sim2real_ros.errors import DataError
from sim2real_ros.evaluation.engine.candidates import Candidate, Untranslated
from sim2real_ros.evaluation.engine.findings import Findings
from sim2real_ros.evaluation.engine.looking import Looker
from sim2real_ros.evaluation.engine.reading import read_all
from sim2real_ros.evaluation.frames.frame_set import FrameSet
from sim2real_ros.evaluation.measure import Measure, Observation
from sim2real_ros.evaluation.quantity import Quantity
from sim2real_ros.image.encode_file import encode_file

COUNT = 12


@pytest.fixture
def frames(tmp_path):
    """A drive of small frames, each with its number as its level."""
    folder = tmp_path / 'drive'
    folder.mkdir()
    for number in range(COUNT):
        image = np.full((24, 32, 3), 10 * number, np.uint8)
        (folder / f'{number:04d}.png').write_bytes(encode_file(image, 'png'))
    return folder


def number_of(frame):
    return int(frame.sim.image[0, 0, 0]) // 10


class Inverse(Candidate):
    """Inverts; fails with some frames."""

    name, description = 'inverse', ''

    def __init__(self, failing=()):
        """Choose the frames to fail with."""
        self.failing = failing

    def translated(self, token, image):
        """Invert."""
        if image[0, 0, 0] // 10 in self.failing:
            raise DataError('no translation of it')
        return 255 - image


class Level(Measure):
    """The level of a translation; ``error`` in frame 5."""

    quantities = (Quantity('level', 'Level', 'neither', ''),)

    def __init__(self, error=None):
        """Choose how to fail."""
        self.error = error

    def of_frame(self, frame):
        """Take one pixel."""
        if self.error is not None and number_of(frame) == 5:
            raise self.error
        return Observation({'level': float(frame.translated[0, 0, 0])})


class Neighbour(Measure):
    """The number of the frame before, of sim and of the translation."""

    quantities = (Quantity('before', 'Before', 'neither', ''),)
    needs = frozenset({'previous'})

    def of_frame(self, frame):
        """Look back."""
        before = frame.previous
        return Observation(
            {
                'before': float(before.sim.image[0, 0, 0]),
                'translated_before': float(before.translated[0, 0, 0]),
            }
        )


def read(folder, candidates, *measures, jobs=2, is_real=False):
    frames = FrameSet(folder)
    looker = Looker(
        frames, candidates, [measures] * len(candidates), (), is_real=is_real, jobs=jobs
    )
    findings = [Findings(each.name, 'candidate', '', measures, {}) for each in candidates]
    warnings = read_all('sim', frames, looker, findings, lambda _: None, lambda *_: None)
    return [each.results() for each in findings], warnings


@pytest.mark.parametrize('jobs', [1, 2, 5])
def test_rows_stay_those_of_the_frames_when_translations_are_missing(frames, jobs):
    (sim, inverse), _ = read(frames, [Untranslated(), Inverse({2, 3, 7})], Level(), jobs=jobs)
    assert sim.frame_names == inverse.frame_names
    assert len(sim.frame_names) == COUNT
    levels = inverse.per_frame['level']
    assert np.flatnonzero(np.isnan(levels)).tolist() == [2, 3, 7]
    rest = ~np.isnan(levels)
    np.testing.assert_array_equal(levels[rest], 255 - sim.per_frame['level'][rest])
    assert inverse.frames == COUNT - 3
    assert inverse.problems == ("3 of the frames, first '0002.png': no translation of it",)


def test_frames_that_cannot_be_read_are_in_no_column(frames):
    (frames / '0004.png').write_bytes(b'no picture')
    (sim, inverse), warnings = read(frames, [Untranslated(), Inverse()], Level())
    assert sim.frame_names == inverse.frame_names
    assert '0004.png' not in sim.frame_names
    assert len(sim.per_frame['level']) == COUNT - 1
    assert '1 sim frames' in warnings[0]


def test_no_frame_at_all_is_an_error(frames):
    for path in frames.iterdir():
        path.write_bytes(b'no picture')
    with pytest.raises(DataError, match='No sim frame'):
        read(frames, [Untranslated()], Level())


@pytest.mark.parametrize(
    'error',
    [DataError('odd frame'), ValueError('odd frame'), cv2.error('odd frame'),
     IndexError('odd frame'), ZeroDivisionError('odd frame')],
)  # fmt: skip
@pytest.mark.parametrize('jobs', [1, 2])
def test_an_odd_frame_costs_its_own_value_alone(frames, error, jobs):
    (sim, inverse), _ = read(frames, [Untranslated(), Inverse()], Level(error), Level(), jobs=jobs)
    for each in (sim, inverse):
        assert each.frames == COUNT
        assert len(each.problems) == 1
        assert "1 of the frames, first '0005.png'" in each.problems[0]
        assert 'odd frame' in each.problems[0]
    is_foreseen = isinstance(error, DataError)
    assert ('please report' in sim.problems[0]) is not is_foreseen
    # Who failed, how, and where.
    assert (f'Level, please report it: {type(error).__name__}' in sim.problems[0]) is not (
        is_foreseen
    )
    assert ('test_looking.py:' in sim.problems[0]) is not is_foreseen


@pytest.mark.parametrize('error', [TypeError('bug'), AttributeError('bug'), MemoryError('bug')])
@pytest.mark.parametrize('jobs', [1, 2])
def test_what_no_data_can_cause_stops_the_evaluation(frames, error, jobs):
    with pytest.raises(type(error), match='bug'):
        read(frames, [Untranslated()], Level(error), jobs=jobs)


def drive(folder, levels):
    """Write frames that look like a film: a noisy pattern that moves."""
    random = np.random.default_rng(0)
    wide = cv2.GaussianBlur(random.integers(0, 255, (24, 200, 3)).astype(np.uint8), (0, 0), 3)
    folder.mkdir()
    for number in levels:
        image = np.ascontiguousarray(wide[:, 2 * number : 2 * number + 32])
        image[0, 0] = 10 * number % 250
        (folder / f'{number:04d}.png').write_bytes(encode_file(image, 'png'))
    return folder


@pytest.mark.parametrize('jobs', [1, 2, 4])
def test_the_frame_before_is_the_neighbour_with_its_own_translation(tmp_path, jobs):
    folder = drive(tmp_path / 'film', range(20))
    (sim, inverse), _ = read(folder, [Untranslated(), Inverse({12})], Neighbour(), jobs=jobs)
    before = sim.per_frame['before']
    known = np.flatnonzero(~np.isnan(before))
    assert len(known) >= 10
    np.testing.assert_array_equal(before[known], 10.0 * (known - 1))
    # Frame 12 has no translation, so that 13 has nothing before it.
    missing = np.isnan(inverse.per_frame['before']) & ~np.isnan(before)
    assert np.flatnonzero(missing).tolist() == [12, 13]


def test_real_frames_have_no_neighbours_and_no_originals(tmp_path):
    folder = drive(tmp_path / 'film', range(20))

    class Compared(Level):
        """Needs an original."""

        needs = frozenset({'translation'})

    (real,), _ = read(folder, [Untranslated()], Neighbour(), Compared(), is_real=True)
    assert real.values == {}
    (sim, inverse), _ = read(folder, [Untranslated(), Inverse()], Neighbour(), Compared())
    assert set(sim.values) == {'before'}
    assert set(inverse.values) == {'before', 'level'}


@pytest.mark.parametrize('jobs', [1, 2])
def test_few_frames_are_in_memory_however_many_there_are(tmp_path, jobs):
    folder = drive(tmp_path / 'film', range(60))
    alive = weakref.WeakSet()
    most = 0
    lock = threading.Lock()

    class Counting(Level):
        """Counts the frames that are alive, each with something remembered."""

        def of_frame(self, frame):
            """Remember something large."""
            nonlocal most
            with lock:
                alive.add(frame.sim)
                most = max(most, len(alive))
            if frame.previous:
                frame.sim.once(_of_both, frame.previous.sim)
            return super().of_frame(frame)

    read(folder, [Untranslated(), Inverse()], Counting(), jobs=jobs)
    gc.collect()
    assert len(alive) == 0
    # Under way, waiting for their turn, the one before, and the one in hand.
    assert most <= 4 * jobs + 2


def _of_both(frame, before):
    return frame.image.astype(np.float32) - before.image


@pytest.mark.parametrize('jobs', [1, 2])
def test_a_reader_may_leave_in_the_middle(frames, jobs):
    measures = (Level(),)
    before = set(threading.enumerate())
    looker = Looker(FrameSet(frames), [Untranslated()], [measures], (), jobs=jobs)
    seen = iter(looker)
    next(seen)
    with pytest.raises(KeyboardInterrupt):
        seen.throw(KeyboardInterrupt)
    with pytest.raises(StopIteration):
        next(seen)
    started = set(threading.enumerate()) - before
    for thread in started:
        thread.join(60)
    assert not any(thread.is_alive() for thread in started)


def test_translations_of_another_shape_are_refused_and_of_another_size_resized(frames):
    class Small(Inverse):
        """Halves the size of even frames, and spoils the shape of odd ones."""

        def translated(self, token, image):
            """Shrink."""
            number = int(image[0, 0, 0]) // 10
            return np.ascontiguousarray(image[::2, ::2] if number % 2 == 0 else image[:, ::2])

    (small, _), _ = read(frames, [Small(), Untranslated()], Level())
    assert small.frames == COUNT // 2
    assert len(small.problems) == 1
    assert 'aspect ratio' in small.problems[0]
