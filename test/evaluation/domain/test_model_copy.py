import dataclasses
import hashlib

import onnx
import pytest
from road_frames import road_drive

from sim2real_ros.baselines.identity import write_identity
from sim2real_ros.errors import ModelError
from sim2real_ros.evaluation.domain.fit import fit_input_domain
from sim2real_ros.evaluation.domain.model_copy import write_with_domain
from sim2real_ros.runtime.input_domain import InputDomain
from sim2real_ros.runtime.model_file import open_model


@pytest.fixture(scope='module')
def domain():
    return fit_input_domain(road_drive(50))


@pytest.fixture
def model(tmp_path):
    write_identity(tmp_path / 'identity.onnx')
    return open_model(tmp_path / 'identity.onnx')


def test_the_copy_differs_by_the_domain_alone(tmp_path, model, domain):
    write_with_domain(model, domain, tmp_path / 'new' / 'copy.onnx')
    copy = open_model(tmp_path / 'new' / 'copy.onnx')
    assert copy.card == dataclasses.replace(model.card, input_domain=domain.to_numbers())
    image = next(road_drive(1))
    assert InputDomain.of_card(copy.card).score(image) == pytest.approx(
        domain.score(image), rel=0.01
    )
    assert onnx.load(copy.path).graph == onnx.load(model.path).graph
    assert hashlib.sha256(model.path.read_bytes()).hexdigest() == model.sha256


def test_a_second_domain_replaces_the_first(tmp_path, model, domain):
    path = tmp_path / 'copy.onnx'
    write_with_domain(model, domain, path)
    other = fit_input_domain(road_drive(60, seed=5))
    write_with_domain(open_model(path), other, path, force=True)
    assert open_model(path).card.input_domain == other.to_numbers()
    assert len(onnx.load(path).metadata_props) == len(onnx.load(model.path).metadata_props)


def test_a_side_card_becomes_the_card_inside_the_copy(tmp_path, domain):
    write_identity(tmp_path / 'x.onnx')
    (tmp_path / 'x.card.yaml').write_text('{name: beside, licence: MIT, size_multiple: 4}')
    write_with_domain(open_model(tmp_path / 'x.onnx'), domain, tmp_path / 'y.onnx')
    card = open_model(tmp_path / 'y.onnx').card
    assert (card.name, card.licence, card.size_multiple) == ('beside', 'MIT', 4)
    assert card.input_domain == domain.to_numbers()
    assert not (tmp_path / 'y.card.yaml').exists()


def test_a_side_card_beside_the_copy_would_hide_it(tmp_path, model, domain):
    (tmp_path / 'copy.card.yaml').write_text('name: other')
    with pytest.raises(ModelError, match=r"copy\.card\.yaml' lies beside the copy"):
        write_with_domain(model, domain, tmp_path / 'copy.onnx')
    assert not (tmp_path / 'copy.onnx').exists()


def test_existing_files_and_other_names_are_refused(tmp_path, model, domain):
    before = model.path.read_bytes()
    with pytest.raises(ModelError, match='exists already'):
        write_with_domain(model, domain, model.path)
    assert model.path.read_bytes() == before
    with pytest.raises(ModelError, match=r'must end in \.onnx'):
        write_with_domain(model, domain, tmp_path / 'copy.pt')
