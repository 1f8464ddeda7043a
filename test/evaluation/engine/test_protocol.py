import hashlib
from pathlib import Path
from types import SimpleNamespace

from sim2real_ros import __version__
from sim2real_ros.evaluation.engine.options import EvaluateOptions
from sim2real_ros.evaluation.engine.protocol import protocol_of
from sim2real_ros.evaluation.results import CandidateResults

SETS = SimpleNamespace(networks={'lite0': '224x224'}, protocol='100 subsets')


def test_what_must_be_known_is_written_down(tmp_path):
    segmenter = tmp_path / 'road.onnx'
    segmenter.write_bytes(b'a network')
    options = EvaluateOptions(
        Path('drive'),
        thresholds=('duckietown_real',),
        camera='duckietown_lane',
        segmenter=segmenter,
        lpips=tmp_path,
        targets=tmp_path,
        size=(512, 384),
        max_frames=40,
        seed=3,
    )
    columns = [CandidateResults(name, 'candidate', '', 40, {}) for name in ('sim', 'cut')]
    protocol = protocol_of(options, columns, SETS)
    assert protocol['frames judged'] == 'sim 40, cut 40'
    assert protocol['size of the frames'] == '512x384 px'
    assert protocol['sample'] == 'at most 40 of each'
    assert protocol['features lite0'] == '224x224'
    assert protocol['distances of sets'] == '100 subsets'
    assert protocol['camera and lane'] == 'duckietown_lane'
    assert hashlib.sha256(b'a network').hexdigest()[:12] in protocol['segmenter']
    assert protocol['LPIPS'] == str(tmp_path)
    assert protocol['seed'] == '3'
    assert protocol['sim2real_ros'] == __version__
    assert 'detector' not in protocol
    assert all(isinstance(each, str) for each in protocol.values())
