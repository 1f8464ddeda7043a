"""The parameters and their documentation."""

import dataclasses

import pytest
import yaml

from sim2real_ros.resources import share_path
from sim2real_ros.ros.parameters import ProxyParameters, reason_against, with_changes


def documented():
    content = yaml.safe_load(share_path('config/proxy.yaml').read_text())
    return content['/**']['ros__parameters']


def test_proxy_yaml_documents_every_parameter_with_its_default():
    defaults = dataclasses.asdict(ProxyParameters())
    assert with_changes(ProxyParameters(), documented()) == ProxyParameters()
    assert documented().keys() == defaults.keys()


def test_every_parameter_has_a_description():
    for field in dataclasses.fields(ProxyParameters):
        assert len(field.metadata['description']) > 20, field.name


def test_defaults_are_accepted():
    assert reason_against(ProxyParameters()) == ''


@pytest.mark.parametrize(
    ('changes', 'reason'),
    [
        ({'cameras': ()}, 'at least one camera'),
        ({'cameras': ('front', '/front/')}, 'none twice'),
        ({'output_namespace': '/'}, 'output_namespace must not be empty'),
        ({'cameras': ('front', 'a-b')}, "'a-b' is not a ROS name"),
        ({'output_namespace': '1st'}, "'1st' is not a ROS name"),
        ({'size': (512,)}, 'size must be'),
        ({'size': (512, 0)}, 'size must be'),
        ({'provider': 'gpu'}, "provider must be one of 'auto', 'tensorrt', 'cuda', 'cpu'"),
        ({'roi': (float('nan'), 0.0, 1.0, 1.0)}, 'roi must lie inside'),
        ({'strength': float('nan')}, 'strength must lie'),
        ({'precision': 'int4'}, "precision must be one of 'auto', 'float32'"),
        ({'batching': 'often'}, "batching must be one of 'auto', 'always', 'never'"),
        ({'detail_strength': float('nan')}, 'detail_strength must lie in 0..1'),
        ({'temporal_smoothing_s': float('nan')}, 'temporal_smoothing_s must lie in 0..10'),
        ({'temporal_smoothing_s': -0.1}, 'temporal_smoothing_s must lie in 0..10'),
    ],
)
def test_impossible_values_are_refused_with_the_reason(changes, reason):
    assert reason in reason_against(with_changes(ProxyParameters(), changes))
