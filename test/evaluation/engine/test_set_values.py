import numpy as np
import pytest

from sim2real_ros.evaluation.engine import set_values
from sim2real_ros.evaluation.engine.findings import Findings
from sim2real_ros.evaluation.engine.options import EvaluateOptions
from sim2real_ros.evaluation.engine.set_values import SetValues
from sim2real_ros.image.encode_file import encode_file

DIMENSIONS = 4
KID = 'kid_levels'


class Levels:
    """Describes an image by its levels; in place of a network."""

    key, dimensions, is_fid, protocol = 'levels', DIMENSIONS, False, 'mean levels'

    def of_image(self, image):
        """Average."""
        return np.array([[*image.mean(axis=(0, 1)), 1]], np.float32)


@pytest.fixture(autouse=True)
def network(monkeypatch):
    """Replace the network."""
    monkeypatch.setattr(set_values, 'efficientnet_lite0', Levels)


def made(tmp_path, **more):
    return SetValues(EvaluateOptions(tmp_path, jobs=1, **more))


def column(sets, name, rows):
    found = Findings(name, 'candidate', '', (), sets.new_statistics())
    found.statistics['levels'].add(rows)
    return found


def rows(count, seed, shift=0.0):
    return np.random.default_rng(seed).normal(shift, 1, (count, DIMENSIONS)).astype(np.float32)


def test_distances_of_equal_and_shifted_sets(tmp_path):
    sets = made(tmp_path)
    same, shifted = column(sets, 'a', rows(200, 0)), column(sets, 'b', rows(200, 1, 2.0))
    real = column(sets, 'real', rows(200, 2))
    sets.fill([same, shifted], real)
    values = [each.values[KID] for each in (same, shifted)]
    assert abs(values[0].value) < 3 * values[0].std_error
    assert values[1].value > 10 * values[1].std_error
    assert abs(real.values[KID].value) < 3 * real.values[KID].std_error


def test_the_halves_of_real_frames_show_what_changes_in_time(tmp_path):
    sets = made(tmp_path)
    drifting = rows(200, 0) + np.linspace(0, 4, 200, dtype=np.float32)[:, None]
    real = column(sets, 'real', drifting)
    sets.fill([], real)
    neighbours, halves = real.values[KID], real.values[f'{KID}_of_real_halves']
    assert abs(neighbours.value) < 3 * neighbours.std_error
    assert halves.value > 5 * halves.std_error
    assert 'frechet_distance_levels_of_real_halves' in real.values
    described = {each.key: each for group in sets.groups for each in group.quantities}
    assert set(real.values) <= set(described)
    assert described[f'{KID}_of_real_halves'].is_detail


def test_without_real_frames_nothing_is_said(tmp_path):
    sets = made(tmp_path)
    alone = column(sets, 'a', rows(20, 0))
    sets.fill([alone], None)
    assert alone.values == {}


def test_a_warning_is_given_once_for_all_candidates(tmp_path):
    sets = made(tmp_path)
    found = [column(sets, name, rows(6, number)) for number, name in enumerate('abc')]
    sets.fill(found, column(sets, 'real', rows(6, 9)))
    assert sets.warnings
    assert len(sets.warnings) == len(set(sets.warnings))


def test_training_frames_are_read_and_unreadable_ones_passed(tmp_path):
    folder = tmp_path / 'train'
    folder.mkdir()
    for number in range(5):
        image = np.full((16, 16, 3), 20 * number, np.uint8)
        (folder / f'{number}.png').write_bytes(encode_file(image, 'png'))
    (folder / '3.png').write_bytes(b'no picture')
    sets = made(tmp_path, training_real=folder)
    progress = []
    sets.read_training_frames(lambda *args: progress.append(args))
    assert [each[1] for each in progress] == [1, 2, 3, 4, 5]
    copies = np.array([[20, 20, 20, 1], [40, 40, 40, 1]] * 10, np.float32)
    candidate = column(sets, 'copies', copies)
    held_out = column(sets, 'real', rows(20, 0, 30))
    sets.fill([candidate], held_out)
    assert candidate.values['nearest_training_distance_levels'].value == pytest.approx(0, abs=1e-3)


def test_the_protocol_says_how_distances_were_computed(tmp_path):
    sets = made(tmp_path)
    assert sets.networks == {'levels': 'mean levels'}
    assert '100 subsets' in sets.protocol
    assert 'at most 1000 images' in sets.protocol
    assert 'k = 5' in sets.protocol
