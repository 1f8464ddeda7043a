"""One running node refuses what is impossible, each time with a reason, and goes on as before."""

import pytest
from lifecycle_msgs.srv import ChangeState
from proxy_client import ProxyClient, proxies, rgb_message

IN, OUT = '/image_raw', '/realistic/image_raw'


@pytest.fixture(scope='module')
def client(ros_context):
    with ProxyClient('client_of_refused_changes') as client:
        yield client


@pytest.fixture(scope='module')
def program(client, tmp_path_factory):
    """The node for all tests here: nothing that is refused may change it."""
    client.advertise(IN)
    with proxies(client, tmp_path_factory.mktemp('refused')) as start:
        program = start(model='identity', trial_run=False)
        client.listen(OUT)
        client.wait_for_listener(IN, program)
        yield program


@pytest.mark.parametrize(
    ('name', 'content', 'reason'),
    [
        ('missing', None, 'No model file at'),
        ('empty', b'', 'is empty'),
        ('garbage', b'\x07garbage' * 40, 'damaged or no ONNX file'),
    ],
)
def test_a_bad_model_is_refused_at_once_with_the_reason(
    client, program, tmp_path, name, content, reason
):
    path = tmp_path / f'{name}.onnx'
    if content is not None:
        path.write_bytes(content)
    (result,) = client.set_parameters(model=str(path))
    assert not result.successful
    assert reason in result.reason
    sent = rgb_message()
    assert client.exchange(IN, sent, OUT, program) == sent


@pytest.mark.parametrize(
    ('change', 'reason'),
    [
        ({'strength': 7.0}, 'strength'),
        ({'roi': [0.5, 0.5, 0.9, 0.1]}, 'roi must lie inside'),
        ({'roi': [0.5, 0.5]}, 'roi must be'),
        ({'on_failure': 'explode'}, "on_failure must be one of 'drop', 'passthrough'"),
        ({'size': [7, 7]}, 'size must be'),
        ({'output_encoding': 'nv12'}, 'output_encoding must be one of'),
        ({'cameras': ['other']}, 'only while the node is unconfigured'),
        ({'autostart': False}, 'read-only'),
        ({'jpeg_quality': 0}, 'jpeg_quality'),
    ],
)
def test_impossible_changes_are_refused_with_a_reason(client, program, change, reason):
    (result,) = client.set_parameters(**change)
    assert not result.successful
    assert reason in result.reason
    sent = rgb_message()
    assert client.exchange(IN, sent, OUT, program) == sent


def test_illegal_transition_leaves_the_node_alive(client, program):
    caller = client.node.create_client(ChangeState, '/perception_proxy/change_state')
    client.wait(caller.service_is_ready, 'service', program)
    request = ChangeState.Request()
    request.transition.id = 3
    caller.call_async(request)
    client.wait(lambda: 'A request failed' in program.text(), 'error in the log', program)
    sent = rgb_message()
    assert client.exchange(IN, sent, OUT, program) == sent
