"""The running node says when its frames are unlike those of its model's card."""

import dataclasses

import numpy as np
import pytest
from proxy_client import IN, OUT, image_message

from sim2real_ros.baselines.identity import write_identity
from sim2real_ros.evaluation.domain.fit import fit_input_domain
from sim2real_ros.evaluation.domain.model_copy import write_with_domain
from sim2real_ros.runtime.card_exchange import with_card
from sim2real_ros.runtime.model_file import open_model

SCORE = 'out of domain score'


def scene(number):
    """Draw a bright sky over a dark ground with a stripe that moves."""
    image = np.full((48, 64, 3), 220, np.uint8)
    image[20:] = 60
    image[20:, (number * 3) % 50 :][:, :6] = 200
    return image


def message_of(image):
    return image_message(image.tobytes(), image.shape[1], image.shape[0], 'rgb8')


@pytest.fixture
def model(tmp_path):
    write_identity(tmp_path / 'plain.onnx')
    domain = fit_input_domain(map(scene, range(60)))
    write_with_domain(open_model(tmp_path / 'plain.onnx'), domain, tmp_path / 'known.onnx')
    return str(tmp_path / 'known.onnx')


@pytest.fixture
def start(start_proxy, client):
    def start(**parameters):
        client.advertise(IN)
        program = start_proxy(trial_run=False, **parameters)
        client.listen(OUT)
        client.wait_for_listener(IN, program)
        return program

    return start


def send(client, program, images):
    for image in images:
        client.exchange(IN, message_of(image), OUT, program)


def values_of(status):
    return {pair.key: pair.value for pair in status.values}


def is_unlike(status):
    return 'unlike those that the model was trained on' in status.message


def test_the_warning_comes_and_goes_with_the_frames(start, client, model):
    program = start(model=model, domain_check_interval=1)
    send(client, program, map(scene, range(15)))
    status = client.status('camera', lambda s: SCORE in values_of(s), program)
    assert not is_unlike(status)
    assert float(values_of(status)[SCORE]) < 1
    assert float(values_of(status)['domain check p50 (ms)']) > 0
    assert values_of(client.status('model'))['training frames known'] == 'yes, 60'

    strange = [scene(number)[::-1].copy() for number in range(12)]
    send(client, program, strange)
    status = client.status('camera', is_unlike, program)
    assert status.level == b'\x01'
    assert float(values_of(status)[SCORE]) > 1.1

    # The originals need not look like anything; and what came before counts no more.
    client.set_parameters(program=program, enabled=False)
    send(client, program, strange[:2])
    client.status('camera', lambda s: SCORE not in values_of(s) and not is_unlike(s), program)
    client.set_parameters(program=program, enabled=True)
    send(client, program, map(scene, range(8)))
    client.status('camera', lambda s: float(values_of(s).get(SCORE, 9)) < 1, program)


def test_checking_can_be_switched_off_while_it_runs(start, client, model):
    program = start(model=model, domain_check_interval=1)
    send(client, program, [scene(0)])
    client.status('camera', lambda s: SCORE in values_of(s), program)
    (answer,) = client.set_parameters(program=program, domain_check_interval=0)
    assert answer.successful
    send(client, program, [scene(1)])
    client.status('camera', lambda s: SCORE not in values_of(s), program)
    (answer,) = client.set_parameters(program=program, domain_check_interval=-1)
    assert not answer.successful


def test_models_that_know_no_frames_run_as_ever(start, client, model, tmp_path):
    card = open_model(model).card
    numbers = dataclasses.replace(card.input_domain, descriptor='of-tomorrow/1')
    newer = dataclasses.replace(card, input_domain=numbers)
    (tmp_path / 'newer.onnx').write_bytes(with_card(open_model(model), newer))
    program = start(model=str(tmp_path / 'plain.onnx'), domain_check_interval=1)
    for path, known in (('plain', 'no'), ('newer', 'of another version'), ('known', 'yes, 60')):
        client.set_parameters(program=program, model=str(tmp_path / f'{path}.onnx'))
        client.status(
            'model',
            lambda s, known=known: values_of(s).get('training frames known') == known,
            program,
        )
        send(client, program, [scene(0)])
        client.status(
            'camera',
            lambda s, known=known: (SCORE in values_of(s)) == (known == 'yes, 60'),
            program,
        )
    assert program.process.poll() is None
