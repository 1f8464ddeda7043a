"""One running node refuses what is impossible, each time with a reason, and goes on as before."""

import pytest
from lifecycle_msgs.srv import ChangeState
from proxy_client import IN, OUT, rgb_message


@pytest.mark.parametrize(
    ('name', 'content', 'reason'),
    [
        ('missing', None, 'No model file at'),
        ('empty', b'', 'is empty'),
        ('garbage', b'\x07garbage' * 40, 'damaged or no ONNX file'),
    ],
)
def test_a_bad_model_is_refused_at_once_with_the_reason(
    lasting_client, lasting_identity, tmp_path, name, content, reason
):
    path = tmp_path / f'{name}.onnx'
    if content is not None:
        path.write_bytes(content)
    (result,) = lasting_client.set_parameters(model=str(path))
    assert not result.successful
    assert reason in result.reason
    sent = rgb_message()
    assert lasting_client.exchange(IN, sent, OUT, lasting_identity) == sent


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
def test_impossible_changes_are_refused_with_a_reason(
    lasting_client, lasting_identity, change, reason
):
    (result,) = lasting_client.set_parameters(**change)
    assert not result.successful
    assert reason in result.reason
    sent = rgb_message()
    assert lasting_client.exchange(IN, sent, OUT, lasting_identity) == sent


def test_illegal_transition_leaves_the_node_alive(lasting_client, lasting_identity):
    caller = lasting_client.node.create_client(ChangeState, '/perception_proxy/change_state')
    lasting_client.wait(caller.service_is_ready, 'service', lasting_identity)
    request = ChangeState.Request()
    request.transition.id = 3
    caller.call_async(request)
    lasting_client.wait(
        lambda: 'A request failed' in lasting_identity.text(), 'error in the log', lasting_identity
    )
    sent = rgb_message()
    assert lasting_client.exchange(IN, sent, OUT, lasting_identity) == sent
