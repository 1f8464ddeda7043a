"""The GPU benchmark, as far as a CPU can try it."""

import sys

import pytest

torch = pytest.importorskip('torch')


@pytest.fixture
def parts(import_benchmarks):
    return import_benchmarks(
        'bench_gpu', 'gpu_worker', 'gpu_facts', 'generator_variants', 'inference_contenders'
    )


def test_nothing_in_a_random_generator_is_nothing(parts):
    variants = parts.generator_variants
    every = {*parts.bench_gpu.GENERATORS, *parts.inference_contenders.GENERATORS}
    assert every <= set(variants.VARIANTS)
    for name in ('tiny-resnet', 'tiny-bilateral_grid'):
        network = variants.random_generator(name)
        assert all(each.any() for each in network.parameters())
        assert not network.training


def test_uint8_network_is_what_is_exported(parts):
    from sim2real_ros.training.export.uint8_contract import Uint8Contract

    frame = torch.randint(0, 256, (2, 16, 32, 3), dtype=torch.uint8)
    generator = parts.generator_variants.random_generator('tiny-bilateral_grid')
    with torch.inference_mode():
        expected = Uint8Contract(generator)(frame)
        found = parts.gpu_worker.Uint8Network(generator, torch.float32)(frame)
    assert (found.dtype, found.shape) == (torch.uint8, frame.shape)
    assert (found.int() - expected.int()).abs().max() <= 1


@pytest.mark.parametrize('precision', ['float32', 'bfloat16'])
def test_worker_measures_on_a_cpu(parts, precision):
    spec = {'name': 'tiny-bilateral_grid', 'size': [32, 16], 'device': 'cpu', 'seconds': 0.0}
    task = parts.gpu_worker.Task('eager', precision, 2)
    row = parts.gpu_worker.measure({**spec, 'quick': True}, task)
    for times in (row['device_ms'], row['total_ms']):
        assert len(times) == 3
        assert times[1] <= times[0] <= times[2]
    assert row['levels_off'] == 0 if precision == 'float32' else 0 < row['levels_off'] < 3


def test_worker_begins_nothing_after_its_time(parts, monkeypatch, capsys):
    spec = '{"name": "tiny-resnet", "batches": [1], "device": "cuda", "until_s": 0}'
    monkeypatch.setattr(sys, 'argv', ['worker', spec])
    parts.gpu_worker.main()
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 4 * 4
    assert all('no time was left' in line for line in lines)


def test_torch_counts_a_generator_without_computing_it(parts):
    (found,) = parts.gpu_facts.costs({'names': ['tiny-resnet'], 'size': [64, 48]})
    # A ResNet of 4 filters and 1 block: 7x7, two halvings, a block of two, their mirror images.
    pixels = 64 * 48
    macs = pixels * (2 * 3 * 4 * 49 + 2 * 4 * 8 * 9 / 4 + 2 * 8 * 16 * 9 / 16 + 2 * 16**2 * 9 / 16)
    assert found['flops'] == 2 * macs
    assert found['end_bytes'] == 2 * 3 * pixels


def test_rows_are_compared_with_eager_float32_and_the_floor(parts):
    row = {'name': 'net', 'runtime': 'torch eager', 'precision': 'float32', 'batch': 4}
    rows = [
        {**row, 'device_ms': [8.0, 7.0, 9.0], 'total_ms': [10.0, 9.0, 11.0]},
        {**row, 'runtime': 'torch graph', 'precision': 'float16', 'device_ms': [2.0, 2.0, 2.0],
         'total_ms': [4.0, 4.0, 4.0]},
        {**row, 'runtime': 'torch compiled', 'reason': 'no compiler'},
    ]  # fmt: skip
    peak = {'flops_per_s': {'float32': 1e12, 'float16': 4e12}, 'copy_bytes_per_s': 1e12}
    costs = {'net': {'flops': 10**9, 'end_bytes': 10**6, 'weights': 10**6}}
    parts.bench_gpu.add_comparisons(rows, peak, costs)
    assert [each.get('times_eager') for each in rows] == [1.0, 4.0, None]
    assert rows[0]['floor_ms'] == pytest.approx(4.0)
    assert (rows[1]['floor_ms'], rows[1]['over_floor']) == pytest.approx((1.0, 2.0))
    table = parts.bench_gpu.gpu_table(rows)
    assert '| net | 4 | torch graph | float16 | 2 (2..2) | 4 | 1000 | 4 | 1 | 2 |' in table
    assert table.endswith('* net, torch compiled float32 (batch 4): no compiler')
