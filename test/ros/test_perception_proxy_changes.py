"""Parameters, services, models and lifecycle of the running node."""

import shutil
import signal

import numpy as np
import onnx
import pytest
from builtin_interfaces.msg import Time
from onnx import TensorProto, helper
from proxy_client import IN, OUT, image_message, info_message, rgb_message, stamped
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import CameraInfo
from std_srvs.srv import SetBool, Trigger

from sim2real_ros.card import ModelCard
from sim2real_ros.resources import share_path


def write_inverter(path, size=None, card=None):
    """Write a model that inverts colours: 255 - x; of free size, or fixed."""
    width, height = size or ('W', 'H')
    shape = ['N', height, width, 3] if size is None else [1, height, width, 3]
    image = helper.make_tensor_value_info('image', TensorProto.UINT8, shape)
    translated = helper.make_tensor_value_info('translated', TensorProto.UINT8, shape)
    white = helper.make_tensor('white', TensorProto.INT32, [], [255])
    nodes = [
        helper.make_node('Cast', ['image'], ['wide'], to=TensorProto.INT32),
        helper.make_node('Sub', ['white', 'wide'], ['inverse']),
        helper.make_node('Cast', ['inverse'], ['translated'], to=TensorProto.UINT8),
    ]
    graph = helper.make_graph(nodes, 'inverter', [image], [translated], [white])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid('', 17)], ir_version=8)
    helper.set_model_props(model, (card or ModelCard('inverter', 'test')).to_metadata())
    onnx.save(model, path)
    return path


@pytest.fixture
def inverter(tmp_path):
    return str(write_inverter(tmp_path / 'inverter.onnx'))


@pytest.fixture
def start(start_proxy, client):
    """Start a node and connect both ends."""

    def start(**parameters):
        parameters = {'model': 'identity', 'trial_run': False} | parameters
        client.advertise(IN)
        program = start_proxy(**parameters)
        client.listen(OUT)
        client.wait_for_listener(IN, program)
        return program

    return start


def pixels_of(message):
    return np.asarray(message.data).reshape(message.height, -1, 3).astype(int)


def values_of(status):
    return {pair.key: pair.value for pair in status.values}


def exchanged(client, program, sent):
    return pixels_of(client.exchange(IN, sent, OUT, program))


def test_strength_mixes_original_and_translated(start, client, inverter):
    program = start(model=inverter)
    sent = rgb_message()
    np.testing.assert_array_equal(exchanged(client, program, sent), 255 - pixels_of(sent))
    assert client.set_parameters(strength=0.25)[0].successful
    sent = rgb_message(seed=1)
    expected = 0.75 * pixels_of(sent) + 0.25 * (255 - pixels_of(sent))
    assert np.abs(exchanged(client, program, sent) - expected).max() <= 1
    client.set_parameters(strength=0.0)
    sent = rgb_message(seed=2)
    np.testing.assert_array_equal(exchanged(client, program, sent), pixels_of(sent))


def test_only_the_region_of_interest_is_translated(start, client, inverter):
    program = start(model=inverter, roi=[0.0, 0.5, 1.0, 0.5])
    sent = rgb_message()
    received = exchanged(client, program, sent)
    np.testing.assert_array_equal(received[:24], pixels_of(sent)[:24])
    np.testing.assert_array_equal(received[24:], 255 - pixels_of(sent)[24:])
    assert client.set_parameters(roi_feather_px=8.0)[0].successful
    grey = image_message(np.full(64 * 48 * 3, 55, np.uint8), 64, 48, 'rgb8')
    column = exchanged(client, program, grey)[:, 10, 0]
    assert (column[:24] == 55).all()
    assert (column[32:] == 200).all()
    assert (np.diff(column[23:33]) > 0).all()


def test_enable_service_bypasses_the_model(start, client, inverter):
    program = start(model=inverter)
    answer = client.call_service(SetBool, '/perception_proxy/enable', SetBool.Request(data=False))
    assert answer.success
    assert 'bypass' in answer.message
    sent = rgb_message()
    np.testing.assert_array_equal(exchanged(client, program, sent), pixels_of(sent))
    client.call_service(SetBool, '/perception_proxy/enable', SetBool.Request(data=True))
    sent = rgb_message()
    np.testing.assert_array_equal(exchanged(client, program, sent), 255 - pixels_of(sent))


def test_a_new_model_is_swapped_in_while_running(start, client, inverter):
    program = start()
    assert client.set_parameters(model=inverter)[0].successful
    client.status('model', lambda s: values_of(s)['name'] == 'inverter')
    sent = rgb_message()
    np.testing.assert_array_equal(exchanged(client, program, sent), 255 - pixels_of(sent))


def test_a_model_that_fails_only_when_run_leaves_the_old_one_and_its_parameter(
    start, client, tmp_path
):
    program = start(trial_run=True)
    path = tmp_path / 'no_such_operator.onnx'
    graph = onnx.load(share_path('models') / 'identity.onnx')
    graph.graph.node[0].op_type = 'NoSuchOperator'
    onnx.save(graph, path)
    assert client.set_parameters(model=str(path))[0].successful
    status = client.status('model', lambda s: 'refused' in s.message, program)
    assert 'NoSuchOperator' in status.message
    assert status.level == b'\x01'
    sent = rgb_message()
    assert client.exchange(IN, sent, OUT, program) == sent
    from rcl_interfaces.srv import GetParameters

    request = GetParameters.Request(names=['model'])
    answer = client.call_service(GetParameters, '/perception_proxy/get_parameters', request)
    assert answer.values[0].string_value == 'identity'


def test_reload_takes_the_file_that_lies_there_now(start, client, tmp_path, inverter):
    model = tmp_path / 'current.onnx'
    shutil.copy(share_path('models') / 'identity.onnx', model)
    program = start(model=str(model))
    shutil.copy(inverter, model)
    answer = client.call_service(Trigger, '/perception_proxy/reload')
    assert answer.success
    sent = rgb_message()
    np.testing.assert_array_equal(exchanged(client, program, sent), 255 - pixels_of(sent))
    model.write_bytes(b'broken')
    answer = client.call_service(Trigger, '/perception_proxy/reload')
    assert not answer.success
    assert 'damaged' in answer.message
    sent = rgb_message()
    np.testing.assert_array_equal(exchanged(client, program, sent), 255 - pixels_of(sent))


def test_output_at_model_size_scales_camera_info(start, start_proxy, client, tmp_path):
    model = write_inverter(tmp_path / 'fixed.onnx', size=(32, 12))
    program = start(model=str(model), output_size='model')
    client.listen('/realistic/camera_info', CameraInfo)
    client.advertise('/camera_info', CameraInfo)
    client.wait_for_listener('/camera_info', program)
    sent = rgb_message()
    info = info_message(like=sent)
    info.roi.x_offset, info.roi.y_offset, info.roi.width, info.roi.height = 4, 8, 32, 40
    received, scaled = client.exchange_all(
        [('/camera_info', info), (IN, sent)], [OUT, '/realistic/camera_info'], program
    )
    assert (received.width, received.height) == (32, 12)
    assert (scaled.width, scaled.height) == (32, 12)
    np.testing.assert_allclose(scaled.k, [50, 0, 15.75, 0, 25.25, 5.875, 0, 0, 1])
    np.testing.assert_allclose(scaled.p, [50, 0, 15.75, -2.5, 0, 25.25, 5.875, 0, 0, 0, 1, 0])
    assert list(scaled.d) == list(info.d)
    roi = scaled.roi
    assert (roi.x_offset, roi.y_offset, roi.width, roi.height) == (2, 2, 16, 10)


def test_fixed_size_model_gives_output_at_input_size_by_default(start, client, tmp_path):
    model = write_inverter(tmp_path / 'fixed.onnx', size=(32, 12))
    program = start(model=str(model))
    grey = image_message(np.full(64 * 48 * 3, 55, np.uint8), 64, 48, 'rgb8')
    assert (exchanged(client, program, grey) == 200).all()


def test_lifecycle_manager_can_take_the_node_through_all_states(start_proxy, client):
    program = start_proxy(
        model='identity', autostart=False, trial_run=False, wait_for='unconfigured'
    )
    client.listen(OUT)
    publisher = client.advertise(IN)
    for transition, state in (
        ('configure', 'inactive'), ('activate', 'active'), ('deactivate', 'inactive'),
        ('activate', 'active'), ('deactivate', 'inactive'), ('cleanup', 'unconfigured'),
        ('configure', 'inactive'), ('activate', 'active'),
    ):  # fmt: skip
        client.change_state(transition)
        client.wait_for_state(program, state)
        if state != 'active':
            client.wait(lambda: publisher.get_subscription_count() == 0, 'unsubscription')
            continue
        client.wait_for_listener(IN, program)
        sent = rgb_message()
        assert client.exchange(IN, sent, OUT, program) == sent
    client.change_state('deactivate')
    client.wait_for_state(program, 'inactive')
    client.change_state('shutdown')
    client.wait_for_state(program, 'finalized')


def test_a_missing_model_at_start_can_be_repaired_by_its_parameter(start_proxy, client):
    program = start_proxy(model='/no/such.onnx', trial_run=False, wait_for='unconfigured')
    status = client.status('model', lambda s: s.level == b'\x02', program)
    assert 'No model file' in status.message
    assert client.set_parameters(model='identity')[0].successful
    client.wait_for_state(program, 'active')


def test_bad_frames_are_reported_and_the_next_good_one_is_served(start, client):
    program = start()
    good = rgb_message()
    bad = [
        image_message(b'1234', 64, 48, 'rgb8', step=192),
        image_message(bytes(64 * 48 * 3), 64, 48, 'rgb8', step=1),
        image_message(bytes(64 * 48 * 4), 64, 48, '32FC1'),
        image_message(bytes(64 * 48 * 3), 64, 48, 'no_such_encoding'),
        image_message(b'', 2**31, 2**31, 'rgb8', step=2**32 - 1),
        stamped(type(good)()),
    ]
    for message in bad:
        client.publishers[IN].publish(message)
        sent = rgb_message()
        assert client.exchange(IN, sent, OUT, program) == sent
    # A bad frame with a good one on its heels may be replaced by it unread; this one stays.
    client.publishers[IN].publish(bad[0])
    status = client.status('camera', lambda s: values_of(s)['frames failed'] != '0', program)
    assert values_of(status)['last error']
    assert int(values_of(status)['frames failed']) <= len(bad) + 1
    sent = rgb_message()
    assert client.exchange(IN, sent, OUT, program) == sent
    assert {m.width for m in client.received[OUT]} == {64}


def test_failing_model_publishes_the_original_when_asked_to(start, client, tmp_path):
    program = start(on_failure='passthrough')
    # Takes every size when it is loaded, but only 512x384 when it is run.
    path = tmp_path / 'picky.onnx'
    shape = ['N', 'H', 'W', 3]
    image = helper.make_tensor_value_info('image', TensorProto.UINT8, shape)
    out = helper.make_tensor_value_info('translated', TensorProto.UINT8, shape)
    fixed = helper.make_tensor('fixed', TensorProto.INT64, [4], [1, 384, 512, 3])
    node = helper.make_node('Reshape', ['image', 'fixed'], ['translated'])
    graph = helper.make_graph([node], 'picky', [image], [out], [fixed])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid('', 17)], ir_version=8)
    onnx.save(model, path)
    assert client.set_parameters(model=str(path))[0].successful
    client.status('model', lambda s: values_of(s)['name'] == 'picky')
    sent = rgb_message()
    assert client.exchange(IN, sent, OUT, program) == sent
    client.status('camera', lambda s: 'published the original' in s.message, program)


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM])
def test_signals_end_the_node_cleanly(start, number):
    program = start()
    program.interrupt(number)
    assert program.wait() == 0
    assert 'Traceback' not in program.text()


def test_silent_fallback_to_the_cpu_is_told(start, client):
    program = start(provider='cuda')
    status = client.status('model', lambda s: s.level == b'\x01', program)
    assert status.message.startswith('runs on cpu in float32: ')
    values = values_of(status)
    assert (values['provider'], values['provider asked for']) == ('cpu', 'cuda')


def test_camera_may_disappear_and_return(start, client):
    program = start()
    first = rgb_message()
    assert client.exchange(IN, first, OUT, program) == first
    client.node.destroy_publisher(client.publishers.pop(IN))
    client.status('camera', lambda s: 'nobody publishes /image_raw' in s.message, program)
    client.advertise(IN)
    again = rgb_message(seed=5)
    assert client.exchange(IN, again, OUT, program) == again


def test_simulation_time_may_stand_still_and_jump_back(start, client):
    program = start(use_sim_time=True)
    clock = client.advertise('/clock', Clock)
    for seconds in (100, 200, 50, 50):
        clock.publish(Clock(clock=Time(sec=seconds)))
        sent = rgb_message()
        sent.header.stamp.sec = seconds
        assert client.exchange(IN, sent, OUT, program) == sent
    client.status('camera', lambda s: values_of(s)['frames failed'] == '0', program)


def test_openvino_backend_gives_the_same_frames(start, client, inverter):
    pytest.importorskip('openvino', reason='openvino is not installed')
    program = start(model=inverter, backend='openvino')
    status = client.status('model', lambda s: 'backend' in values_of(s), program)
    assert values_of(status)['backend'].startswith('openvino')
    sent = rgb_message()
    np.testing.assert_array_equal(exchanged(client, program, sent), 255 - pixels_of(sent))


def test_models_swapped_again_and_again_never_tear_a_frame(start, client, inverter):
    program = start()
    swaps = 12
    for number in range(swaps):
        model = inverter if number % 2 == 0 else 'identity'
        assert client.set_parameters(model=model)[0].successful
        wanted = 'inverter' if number % 2 == 0 else 'identity'
        seen = set()
        while seen != {wanted}:
            sent = rgb_message(seed=number)
            received = exchanged(client, program, sent)
            original = pixels_of(sent)
            same = (received == original).all()
            assert same or (received == 255 - original).all()
            seen = {'identity' if same else 'inverter'}
