"""What a running node has to survive: hanging models, odd requests, signals at bad moments."""

import signal
import threading

import numpy as np
import onnx
import psutil
import pytest
from bag_processes import PATIENCE_S
from onnx import TensorProto, helper
from proxy_client import IN, OUT, info_message, rgb_message
from rclpy.qos import DurabilityPolicy, QoSProfile
from sensor_msgs.msg import CameraInfo
from std_srvs.srv import Trigger

from sim2real_ros.card import ModelCard

INFO_IN, INFO_OUT = '/camera_info', '/realistic/camera_info'


def write_endless_model(path):
    """Write a model that is valid, and never comes to an end."""
    shape = ['N', 'H', 'W', 3]
    image = helper.make_tensor_value_info('image', TensorProto.UINT8, shape)
    translated = helper.make_tensor_value_info('translated', TensorProto.UINT8, shape)
    body = helper.make_graph(
        [
            helper.make_node('Identity', ['condition_in'], ['condition_out']),
            helper.make_node('Identity', ['state_in'], ['state_out']),
        ],
        'body',
        [
            helper.make_tensor_value_info('count', TensorProto.INT64, []),
            helper.make_tensor_value_info('condition_in', TensorProto.BOOL, []),
            helper.make_tensor_value_info('state_in', TensorProto.UINT8, shape),
        ],
        [
            helper.make_tensor_value_info('condition_out', TensorProto.BOOL, []),
            helper.make_tensor_value_info('state_out', TensorProto.UINT8, shape),
        ],
    )
    trips = helper.make_tensor('trips', TensorProto.INT64, [], [2**62])
    true = helper.make_tensor('true', TensorProto.BOOL, [], [True])
    loop = helper.make_node('Loop', ['trips', 'true', 'image'], ['translated'], body=body)
    graph = helper.make_graph([loop], 'endless', [image], [translated], [trips, true])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid('', 17)], ir_version=8)
    helper.set_model_props(model, ModelCard('endless', 'test').to_metadata())
    onnx.save(model, path)
    return str(path)


@pytest.fixture
def start(start_proxy, client):
    def start(**parameters):
        client.advertise(IN)
        program = start_proxy(**({'model': 'identity', 'trial_run': False} | parameters))
        client.listen(OUT)
        client.wait_for_listener(IN, program)
        return program

    return start


def children_of(program):
    return psutil.Process(program.process.pid).children(recursive=True)


def test_frames_flow_while_a_reload_waits_for_a_model_that_hangs(start, client, tmp_path):
    model = tmp_path / 'current.onnx'
    model.write_bytes((client_models() / 'identity.onnx').read_bytes())
    program = start(model=str(model), trial_run=True)
    write_endless_model(model)
    caller = client.node.create_client(Trigger, '/perception_proxy/reload')
    client.wait(caller.service_is_ready, 'service', program)
    answer = caller.call_async(Trigger.Request())
    client.wait(lambda: children_of(program), 'trial run', program)
    for seed in range(10):
        sent = rgb_message(seed=seed)
        assert client.exchange(IN, sent, OUT, program) == sent
    assert not answer.done()
    assert client.set_parameters(strength=0.9)[0].successful
    children = children_of(program)
    program.interrupt(signal.SIGTERM)
    assert program.wait() == 0, program.text()
    _, alive = psutil.wait_procs(children, PATIENCE_S)
    assert not alive, 'the trial run outlived the node'


def client_models():
    from sim2real_ros.resources import share_path

    return share_path('models')


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM])
def test_signal_while_the_first_model_hangs_ends_the_node(start_proxy, client, tmp_path, number):
    model = write_endless_model(tmp_path / 'endless.onnx')
    program = start_proxy(model=model, trial_run=True, wait_for=None)
    client.wait(lambda: children_of(program), 'trial run', program)
    program.interrupt(number)
    assert program.wait() == 0, program.text()
    assert 'Traceback' not in program.text()


def test_model_that_hangs_in_the_middle_of_a_frame_is_an_error_and_can_be_ended(
    start, client, tmp_path
):
    endless = write_endless_model(tmp_path / 'endless.onnx')
    program = start(warm_up=False, stale_after_s=0.1)
    assert client.set_parameters(model=endless)[0].successful
    client.status('model', lambda s: 'endless' in str(s.values), program)
    stop = threading.Event()

    def publish():
        while not stop.wait(0.05):
            client.publishers[IN].publish(rgb_message())

    camera = threading.Thread(target=publish)
    camera.start()
    try:
        client.status('camera', lambda s: 'the model hangs' in s.message, program)
    finally:
        stop.set()
        camera.join()
    program.interrupt(signal.SIGTERM)
    assert program.wait() == 0, program.text()


def test_parameters_can_change_after_a_failed_start_was_repaired_by_hand(
    start_proxy, client, tmp_path
):
    model = tmp_path / 'late.onnx'
    program = start_proxy(model=str(model), trial_run=False, wait_for='unconfigured')
    client.status('model', lambda s: s.level == b'\x02', program)
    model.write_bytes((client_models() / 'identity.onnx').read_bytes())
    client.change_state('configure')
    client.wait_for_state(program, 'inactive')
    client.change_state('activate')
    client.wait_for_state(program, 'active')
    assert client.set_parameters(strength=0.5)[0].successful
    client.wait_for_state(program, 'active')


def test_reload_leaves_the_lifecycle_to_its_manager(start_proxy, client):
    program = start_proxy(model='identity', autostart=False, wait_for='unconfigured')

    def reload_is_refused():
        answer = client.call_service(Trigger, '/perception_proxy/reload', program=program)
        assert not answer.success
        assert 'not configured' in answer.message

    reload_is_refused()
    client.wait_for_state(program, 'unconfigured')
    client.change_state('shutdown')
    client.wait_for_state(program, 'finalized')
    reload_is_refused()
    client.wait_for_state(program, 'finalized')


def test_reliable_camera_that_starts_after_its_listener_is_heard_reliably(start_proxy, client):
    program = start_proxy(model='identity', trial_run=False)
    client.listen(OUT)
    client.wait(lambda: client.node.get_subscriptions_info_by_topic(IN), 'subscription', program)
    client.advertise(IN, reliability='reliable')

    def reliabilities():
        infos = client.node.get_subscriptions_info_by_topic(IN)
        return {info.qos_profile.reliability.name for info in infos}

    client.wait(lambda: 'RELIABLE' in reliabilities(), 'reliable subscription', program)

    def exchanged():
        # The old subscription serves until the new one has brought its first message.
        sent = rgb_message()
        assert client.exchange(IN, sent, OUT, program) == sent
        return reliabilities() == {'RELIABLE'}

    client.wait(exchanged, 'end of the best-effort subscription', program)


def test_no_frame_is_lost_or_doubled_when_the_subscription_is_exchanged(start_proxy, client):
    program = start_proxy(model='identity', trial_run=False)
    client.listen(OUT, qos=100)
    client.wait(lambda: client.node.get_subscriptions_info_by_topic(IN), 'subscription', program)
    client.advertise(IN, reliability='reliable', depth=100)
    client.wait_for_listener(IN, program)
    first = rgb_message()
    client.exchange(IN, first, OUT, program)
    stamps = []
    while len(stamps) < 40:
        sent = rgb_message()
        client.exchange(IN, sent, OUT, program)
        stamps.append((sent.header.stamp.sec, sent.header.stamp.nanosec))
    received = [(m.header.stamp.sec, m.header.stamp.nanosec) for m in client.received[OUT]]
    assert [stamp for stamp in received if stamp in stamps] == stamps


def test_fixed_incompatible_qos_is_told_once_and_costs_nothing(start_proxy, client):
    name = f'qos_overrides.{IN}.subscription.reliability'
    program = start_proxy(model='identity', trial_run=False, **{name: 'reliable'})
    client.advertise(IN, reliability='best_effort')
    client.listen(OUT)
    client.wait(lambda: 'Incompatible QoS' in program.text(), 'warning', program)
    for _ in range(3):
        client.diagnostics.clear()
        client.status('camera', program=program)
    assert program.text().count('Incompatible QoS on /image_raw') == 1


def test_latched_camera_info_reaches_images_that_come_later(start_proxy, client):
    qos = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
    latched = client.node.create_publisher(CameraInfo, INFO_IN, qos)
    info = info_message()
    latched.publish(info)
    client.advertise(IN)
    program = start_proxy(model='identity', trial_run=False)
    client.listen(OUT)
    client.listen(INFO_OUT, CameraInfo)
    client.wait_for_listener(IN, program)

    def served():
        client.exchange(IN, rgb_message(), OUT, program)
        return client.received[INFO_OUT]

    received = client.wait(served, 'camera_info', program)[-1]
    np.testing.assert_array_equal(received.k, info.k)


def test_camera_info_alone_is_scaled_like_its_images(start_proxy, client, tmp_path):
    from test_perception_proxy_changes import write_inverter

    model = write_inverter(tmp_path / 'fixed.onnx', size=(32, 24))
    client.advertise(INFO_IN, CameraInfo)
    program = start_proxy(model=str(model), output_size='model', trial_run=False)
    client.listen(INFO_OUT, CameraInfo)
    client.wait_for_listener(INFO_IN, program)
    info = info_message((64, 48))
    received = client.exchange(INFO_IN, info, INFO_OUT, program)
    assert (received.width, received.height, received.k[0]) == (32, 24, 50.0)
    client.status('camera', lambda s: s.message == 'passing camera_info on', program)
