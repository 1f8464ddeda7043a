import numpy as np
import pytest

from sim2real_ros.evaluation.engine.looking import LoadedFrame, SeenFrame, Translation
from sim2real_ros.evaluation.engine.pictures import (
    EVEN_ROWS,
    WIDTH_PX,
    EvenImages,
    PictureCollector,
)
from sim2real_ros.evaluation.frame import SimFrame
from sim2real_ros.evaluation.measure import Observation
from sim2real_ros.evaluation.quantity import Quantity

SCORE = Quantity('score', 'Score', 'higher', '')
ERROR = Quantity('error', 'Error', 'lower', '')
COUNT = Quantity('count', 'Count', 'neither', '')


def seen(number, size=(24, 32), **values):
    """A frame whose grey level is its number, with a candidate twice as bright."""
    image = np.full((*size, 3), number, np.uint8)
    sim = SimFrame(f'frame {number}', image)
    translations = [Translation(image), Translation(image * 2)]
    return SeenFrame(LoadedFrame(sim, translations), [[None], [Observation(values)]], [[], []])


@pytest.mark.parametrize('count', [1, 3, 6, 7, 12, 13, 100, 127])
def test_the_sample_is_even_and_bounded(count):
    collector = PictureCollector(['sim', 'model'])
    images = EvenImages()
    for number in range(count):
        collector.look(seen(number))
        images.look(seen(number))
    numbers = [int(row.pictures['sim'][0, 0, 0]) for row in collector.rows()]
    assert len(numbers) == min(count, EVEN_ROWS)
    assert numbers[0] == 0
    steps = np.diff(numbers)
    assert np.all(steps > 0)
    assert numbers[-1] >= 0.6 * (count - 1)
    assert len(steps) == 0 or steps.max() <= 2 * steps.min()
    assert [int(each[0, 0, 0]) for each in images.images] == numbers
    for row, number in zip(collector.rows(), numbers, strict=True):
        assert int(row.pictures['model'][0, 0, 0]) == 2 * number


def test_the_worst_frame_of_each_quantity_is_kept():
    collector = PictureCollector(['sim', 'model'], [SCORE, ERROR, COUNT])
    for number in range(100):
        collector.look(
            seen(
                number,
                score=0.1 if number == 41 else 0.9,
                error=7.0 if number == 63 else 1.0,
                count=99 if number == 77 else 0,
            )
        )
    rows = {row.caption: row for row in collector.rows()}
    worst = [caption for caption in rows if 'worst' in caption]
    assert worst == ['frame 41: worst Score of model: 0.1', 'frame 63: worst Error of model: 7']
    assert int(rows[worst[0]].pictures['model'][0, 0, 0]) == 82


def test_a_frame_is_shown_once_whatever_the_reasons():
    collector = PictureCollector(['sim', 'model'], [SCORE, ERROR])
    for number in range(3):
        collector.look(seen(number, score=1.0 - (number == 0), error=float(number == 0)))
    captions = [row.caption for row in collector.rows()]
    assert captions == [
        'frame 0; worst Score of model: 0; worst Error of model: 1',
        'frame 1',
        'frame 2',
    ]


def test_pictures_are_small_and_keep_their_shape():
    collector = PictureCollector(['sim', 'model'])
    collector.look(seen(1, size=(480, 640)))
    (row,) = collector.rows([np.zeros((480, 640, 3), np.uint8)], 'real')
    assert {each.shape for each in row.pictures.values()} == {(240, WIDTH_PX, 3)}
    assert list(row.pictures) == ['sim', 'model', 'real']


def test_a_failed_translation_leaves_its_place_empty():
    frame = seen(1)
    failed = SeenFrame(
        LoadedFrame(frame.loaded.sim, [frame.loaded.translations[0], Translation(None, 'no')]),
        [[None], None],
        [[], []],
    )
    collector = PictureCollector(['sim', 'model'], [SCORE])
    collector.look(failed)
    assert [list(row.pictures) for row in collector.rows()] == [['sim']]
