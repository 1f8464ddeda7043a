"""The benchmarks of node and transport: what they make of what their processes print."""

import pytest


@pytest.fixture
def parts(import_benchmarks):
    return import_benchmarks(
        'bench_processes', 'bench_transport', 'bench_node', 'node_command', 'node_rates'
    )


def seen(parts, count=11, period_ms=10, latency_ms=2, cpu_s=0.1):
    """Frames at a steady rate; the last one is 10 ms late."""
    frames = []
    for number in range(count):
        sent_ns = number * period_ms * 10**6
        late_ns = 10 * 10**6 * (number == count - 1)
        frames.append([number, sent_ns, sent_ns + latency_ms * 10**6 + late_ns])
    camera = {'published': count + 1, 'cpu_s': 2 * cpu_s, 'message_bytes': 3000}
    return parts.bench_processes.passage(camera, {'frames': frames, 'cpu_s': cpu_s})


def test_passage_of_frames(parts):
    found = seen(parts)
    assert (found.sent, found.received) == (12, 11)
    assert found.rate_hz == pytest.approx(10 / 0.110)
    assert found.latencies() == {'p50': 2.0, 'p90': 2.0, 'p99': 11.0, 'max': 12.0}
    with pytest.raises(RuntimeError, match='Only 1 of 2 frames'):
        seen(parts, count=1)


def test_time_of_the_cores_is_shared_out(parts):
    row = parts.node_rates.rate_row(
        ('net', 1, 2), [seen(parts), seen(parts, latency_ms=5)], {'translate': 3.0}, 0.44, 200
    )
    assert row.cameras == 2
    assert row.out_hz == pytest.approx(2 * 10 / 0.110)
    times = (row.node_cpu_ms, row.camera_cpu_ms, row.sink_cpu_ms)
    assert times == pytest.approx((20, 400 / 22, 200 / 22))
    assert row.left_ms == pytest.approx(2000 / row.out_hz - sum(times))
    assert row.latencies_ms['p50'] == 5.0
    assert '| net | 1 | 2 | 200 | 181.8 |' in parts.node_rates.rates_table([row])


def test_stages_are_the_mean_of_the_cameras(parts):
    pytest.importorskip('rclpy')
    from sim2real_ros.ros.frame_statistics import STAGES

    assert parts.node_rates.STAGES == STAGES
    camera = {f'{stage} p50 (ms)': str(place) for place, stage in enumerate(STAGES)}
    other = {key: str(float(value) + 1) for key, value in camera.items()}
    statuses = {'node: model': {'backend': 'x'}, 'a': camera, 'b': other}
    found = parts.node_rates.stages_of(statuses)
    assert found == {stage: place + 0.5 for place, stage in enumerate(STAGES)}
    assert parts.node_rates.stages_of({'node: model': {}}) == {}


def test_cameras_have_topics_of_their_own(parts):
    one = parts.node_command.streams(1, 5, 30.0, (64, 48))
    assert [(each.topic, each.output) for each in one] == [('image_raw', 'realistic/image_raw')]
    two = parts.node_command.streams(2, 5, 30.0, (64, 48))
    assert [(each.topic, each.output) for each in two] == [
        ('cam0/image_raw', 'realistic/cam0/image_raw'),
        ('cam1/image_raw', 'realistic/cam1/image_raw'),
    ]
    command = parts.node_command.proxy('m.onnx', 2, cameras=2, settings=['backend:=fused'])
    assert "cameras:=['cam0', 'cam1']" in command
    assert command[-2:] == ('-p', 'backend:=fused')
    assert not any('cameras' in each for each in parts.node_command.proxy('m.onnx', 2))


def test_models_are_files_or_generators(parts, monkeypatch):
    from sim2real_ros.errors import ConfigError

    answers = [{'name': 'unit', 'path': '/x/unit.onnx'}]
    monkeypatch.setattr(parts.node_command, 'run_script', lambda *_: answers)
    with parts.node_command.model_files(['unit', 'a/b.onnx'], (64, 48)) as found:
        assert found == {'unit': '/x/unit.onnx', 'b': 'a/b.onnx'}
    answers[0] = {'name': 'unit', 'reason': 'odd size'}
    with (
        pytest.raises(ConfigError, match='unit: odd size'),
        parts.node_command.model_files(['unit'], (64, 48)),
    ):
        pass


def test_transport_rows(parts):
    module = parts.bench_transport
    every = list(module.variants([(64, 48)]))
    assert len(every) == len(set(every)) == 10
    variant = every[0]
    assert variant.stream(30.0, 2.0).frames == 60
    row = module.row_of(variant, [seen(parts)], [seen(parts), seen(parts, latency_ms=4)], '')
    assert (row.sent, row.received, row.rates_hz) == (24, 22, (90.9,))
    assert row.latencies_ms['p50'] == 3.0
    assert row.camera_cpu_ms == pytest.approx(400 / 22)
    lost = module.row_of(every[1], [], [], 'Only 0 of 9 frames')
    lines = module.transport_table([row, lost]).split('\n')
    assert lines[2].startswith(
        '| 64x48 | rgb8 | 3 | config/fastdds.xml | best_effort | 91 | 2 of 24'
    )
    assert 'Only 0 of 9 frames' in lines[3]
