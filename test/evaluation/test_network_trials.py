"""Networks of users are tried in a child process, whatever they are for."""

import pytest
from hostile_networks import KINDS, write_network

from sim2real_ros.errors import ModelError
from sim2real_ros.evaluation.features.model_features import inception_features, model_features
from sim2real_ros.evaluation.pairs.lpips import LpipsNetwork
from sim2real_ros.evaluation.perception.detector_onnx import OnnxDetector
from sim2real_ros.evaluation.structure.segmenter_trial import try_segmenter


def load(path, kind, timeout_s):
    if kind == 'lpips':
        heads = path.with_suffix('.pth')
        return LpipsNetwork.load('alex', path, heads, timeout_s=timeout_s)
    loaders = {
        'features': lambda: model_features(path, timeout_s=timeout_s),
        'inception': lambda: inception_features(path, timeout_s=timeout_s),
        'segmenter': lambda: try_segmenter(path, timeout_s=timeout_s),
        'detector': lambda: OnnxDetector.load(path.with_suffix('.yaml'), timeout_s=timeout_s),
    }
    return loaders[kind]()


@pytest.fixture(params=KINDS)
def kind(request):
    return request.param


def test_good_networks_pass(tmp_path, kind):
    load(write_network(tmp_path, kind, ''), kind, timeout_s=120)


def test_networks_that_never_end_are_refused_in_time(tmp_path, kind):
    path = write_network(tmp_path, kind, 'loop')
    with pytest.raises(ModelError, match=r'gave no \w+ within 1 s in a trial run; refused'):
        load(path, kind, timeout_s=1)


def test_networks_that_want_all_memory_are_refused(tmp_path, kind):
    path = write_network(tmp_path, kind, 'memory')
    with pytest.raises(ModelError, match=r'(?i)alloc|memory'):
        load(path, kind, timeout_s=120)


def test_networks_that_crash_their_process_are_refused(tmp_path, kind):
    path = write_network(tmp_path, kind, 'crash')
    with pytest.raises(ModelError, match=r'crashed a trial run in a process of its own \(signal'):
        load(path, kind, timeout_s=120)
