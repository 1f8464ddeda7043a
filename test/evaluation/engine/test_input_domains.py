from types import SimpleNamespace

import numpy as np
import pytest

from sim2real_ros.errors import DataError, ModelError
from sim2real_ros.evaluation.domain.out_of_domain import OutOfDomain
from sim2real_ros.evaluation.engine import input_domains
from sim2real_ros.evaluation.engine.candidates import ModelCandidate, Untranslated
from sim2real_ros.evaluation.engine.input_domains import domain_measures
from sim2real_ros.image.encode_file import encode_file


def model(name, card='no domain'):
    candidate = ModelCandidate.__new__(ModelCandidate)
    candidate.name = name
    candidate.pool = SimpleNamespace(model=SimpleNamespace(card=card))
    return candidate


@pytest.fixture
def domain(monkeypatch, tmp_path):
    """Let cards be texts, and return a real domain."""
    fitted = input_domains.fit_input_domain(input_domains._images(input_domains.FrameSet(
        training_frames(tmp_path / 'fit', 50))))  # fmt: skip

    def of_card(card):
        if card == 'broken':
            raise ModelError('the card is broken')
        return fitted if card == 'domain' else None

    monkeypatch.setattr(input_domains.InputDomain, 'of_card', of_card)
    return fitted


def training_frames(folder, count, unreadable=0):
    folder.mkdir()
    random = np.random.default_rng(0)
    for number in range(count):
        image = random.integers(0, 255, (24, 32, 3)).astype(np.uint8)
        (folder / f'{number:03d}.png').write_bytes(encode_file(image, 'png'))
    for number in range(unreadable):
        (folder / f'{number:03d}.png').write_bytes(b'no picture')
    return folder


def test_the_card_decides_before_the_folder(domain, tmp_path):
    folder = training_frames(tmp_path / 'train', 60, unreadable=3)
    candidates = [Untranslated(), model('known', 'domain'), model('unknown')]
    found, warnings = domain_measures(candidates, folder)
    assert set(found) == {'known', 'unknown'}
    assert warnings == []
    assert all(isinstance(each, OutOfDomain) for (each,) in found.values())
    assert found['known'][0] is not found['unknown'][0]


def test_without_a_folder_only_cards_tell(domain):
    candidates = [Untranslated(), model('known', 'domain'), model('unknown')]
    found, warnings = domain_measures(candidates, None)
    assert set(found) == {'known'}
    assert warnings == []


def test_a_broken_card_is_a_warning(domain):
    found, warnings = domain_measures([Untranslated(), model('bad', 'broken')], None)
    assert found == {}
    assert warnings == ['the card is broken']


def test_too_few_training_frames_are_a_warning(domain, tmp_path):
    folder = training_frames(tmp_path / 'few', 2)
    found, warnings = domain_measures([Untranslated(), model('unknown')], folder)
    assert found == {}
    assert len(warnings) == 1
    assert 'out of domain' in warnings[0]


def test_a_folder_that_is_none_is_an_error(domain, tmp_path):
    with pytest.raises(DataError):
        domain_measures([Untranslated(), model('unknown')], tmp_path / 'nothing')
