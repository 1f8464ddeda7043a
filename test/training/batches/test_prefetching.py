import gc
import threading

import pytest
import torch
from batch_cases import assert_same, coded_ids, opened, write_coded, write_folders, write_mask

from sim2real_ros.errors import DataError
from sim2real_ros.training.batches import prefetching
from sim2real_ros.training.batches.pixel_batch import PixelBatch
from sim2real_ros.training.batches.prefetching import prefetched_batches

CPU = torch.device('cpu')


def pixels(step):
    image = torch.full((1, 4, 4, 3), step, dtype=torch.uint8)
    return PixelBatch(image, image, None)


def step_of(batch):
    return round((batch.sim[0, 0, 0, 0].item() + 1) * 127.5)


@pytest.mark.parametrize('workers', [1, 3])
@pytest.mark.parametrize('cache', [True, False])
def test_batches_come_in_order_and_unchanged(tmp_path, workers, cache):
    write_folders(tmp_path)
    write_mask(tmp_path / 'masks/001.png', coded_ids())
    data = opened(
        tmp_path, batch_size=2, workers=workers, cache=cache, colour_jitter=0.3,
        masks=str(tmp_path / 'masks'),
    )  # fmt: skip
    batches = list(data.prefetched(3, 12, rank=1, world_size=2))
    assert len(batches) == 9
    for step, batch in enumerate(batches, 3):
        assert_same(batch, data.batch(step, 1, 2))


def test_no_steps_give_no_batches(tmp_path):
    write_folders(tmp_path)
    assert list(opened(tmp_path).prefetched(4, 4)) == []


def test_batches_are_prepared_ahead_but_not_too_far():
    begun, gate = [], threading.Event()

    def prepare(step):
        begun.append(step)
        if step == 3:
            gate.set()
        return pixels(step)

    batches = prefetched_batches(prepare, range(100), workers=1, device=CPU)
    assert step_of(next(batches)) == 0
    # With batch 0 in hand, 1 and 2 are under way; batch 3 when 1 is asked for.
    assert step_of(next(batches)) == 1
    assert gate.wait(30)
    assert max(begun) <= 4
    batches.close()


def test_an_error_comes_at_its_turn():
    def prepare(step):
        if step == 2:
            raise DataError('the third is broken')
        return pixels(step)

    batches = prefetched_batches(prepare, range(9), workers=2, device=CPU)
    assert [step_of(next(batches)) for _ in range(2)] == [0, 1]
    with pytest.raises(DataError, match='the third is broken'):
        next(batches)


def test_leaving_stops_the_threads():
    before = set(threading.enumerate())
    done = []

    def prepare(step):
        done.append(step)
        return pixels(step)

    batches = prefetched_batches(prepare, range(10**9), workers=2, device=CPU)
    next(batches)
    threads = set(threading.enumerate()) - before
    assert threads
    del batches
    gc.collect()
    for thread in threads:
        thread.join(30)
        assert not thread.is_alive()
    assert len(done) < 10


def test_leaving_does_not_wait_for_a_thread_that_hangs():
    gate, begun = threading.Event(), threading.Event()

    def prepare(step):
        if step > 0:
            begun.set()
            assert gate.wait(30)
        return pixels(step)

    batches = prefetched_batches(prepare, range(10), workers=1, device=CPU)
    next(batches)
    assert begun.wait(30)
    batches.close()
    gate.set()


class FakeStream:
    """Stands in for a stream of a GPU, and writes down what happens to it."""

    def __init__(self, log):
        self.log = log

    def __enter__(self):
        return self

    def __exit__(self, *error):
        return None

    def record_event(self):
        self.log.append('copied')
        return len(self.log)

    def wait_event(self, event):
        self.log.append('waited')


def test_on_a_gpu_the_next_batch_is_copied_before_one_is_handed_over(monkeypatch):
    log = []
    stream = FakeStream(log)
    monkeypatch.setattr(torch.cuda, 'Stream', lambda device: stream)
    monkeypatch.setattr(torch.cuda, 'stream', lambda stream: stream)
    monkeypatch.setattr(torch.cuda, 'current_stream', lambda device: stream)
    monkeypatch.setattr(torch.Tensor, 'record_stream', lambda tensor, s: log.append('kept'))
    batches = prefetching._copied_ahead(iter([pixels(0), pixels(1), pixels(2)]), CPU)
    assert step_of(next(batches)) == 0
    assert log == ['copied', 'copied', 'waited', 'kept', 'kept']
    assert [step_of(batch) for batch in batches] == [1, 2]
    assert log.count('copied') == log.count('waited') == 3


@pytest.mark.skipif(not torch.cuda.is_available(), reason='needs a GPU')
def test_batches_on_a_gpu_equal_those_on_the_cpu(tmp_path):
    write_coded(tmp_path / 'sim', 5, size=(80, 60))
    write_coded(tmp_path / 'real', 5, size=(80, 60))
    data = opened(tmp_path, batch_size=2, workers=2, crop_size=(64, 48))
    for step, batch in enumerate(data.prefetched(0, 30, device='cuda')):
        assert batch.sim.device.type == 'cuda'
        assert torch.allclose(batch.sim.cpu(), data.batch(step).sim, atol=1e-6)
        assert torch.allclose(batch.real.cpu(), data.batch(step).real, atol=1e-6)
