"""Arguments that the node cannot start with end it at once, each with the reason."""

import pytest
from proxy_client import proxies

pytestmark = pytest.mark.dds

CASES = [
    (['-p', 'on_failure:=explode'], 'on_failure must be one of'),
    (['-p', 'strength:=much'], "expecting type 'DOUBLE'"),
    (['-p', 'strength:=1.5'], 'strength out of range'),
    (['-p', 'cameras:=["a-b"]'], "'a-b' is not a ROS name"),
    (['--params-file', '/no/such.yaml'], 'The ROS arguments cannot be used'),
    (['-r', 'realistic/image_raw:=image_raw'], 'would be input and output at once'),
    (
        ['-p', 'qos_overrides./image_raw.subscription.reliability:=sometimes'],
        'must be one of best_available, reliable, best_effort',
    ),
    (
        ['-p', 'qos_overrides./image_raw.subscription.history:=keep_all'],
        'must be one of keep_last',
    ),
    (['--no-such-flag'], 'The ROS arguments cannot be used'),
]


@pytest.fixture(scope='module')
def programs(tmp_path_factory):
    """One node for each case, all started at once."""
    with proxies(None, tmp_path_factory.mktemp('impossible')) as start:
        yield [start(*arguments, wait_for='') for arguments, _ in CASES]


@pytest.mark.parametrize('number', range(len(CASES)), ids=[reason for _, reason in CASES])
def test_impossible_arguments_end_the_node_with_the_reason(programs, number):
    program, reason = programs[number], CASES[number][1]
    assert program.wait() == 1
    assert reason in program.text()
    assert 'Traceback' not in program.text()
