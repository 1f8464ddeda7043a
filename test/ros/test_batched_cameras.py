"""Several cameras: frames that wait together share a run, and none waits for one not there."""

import threading

import numpy as np
import pytest
from proxy_client import image_message, rgb_message
from test_hostile_frames import RecordingCamera

from sim2real_ros.resources import share_path
from sim2real_ros.ros.parameters import ProxyParameters
from sim2real_ros.ros.translation_worker import TranslationWorker
from sim2real_ros.runtime.translator import Translator

PATIENCE_S = 20


class GatedTranslator(Translator):
    """The identity, which waits in its first translation until it is let go."""

    def __init__(self, broken_batches=False, broken_level=None):
        loaded = Translator.load(share_path('models') / 'identity.onnx', provider='cpu', threads=1)
        super().__init__(loaded.model, loaded.backend)
        self.batch_sizes = (2, 4)
        self.broken_batches, self.broken_level = broken_batches, broken_level
        self.entered, self.let_go = threading.Event(), threading.Event()
        self.shared = []
        self.contexts = []

    def warm_up(self, size=None):
        pass

    def translate(self, rgb, out=None, context=None):
        self.contexts.append(context)
        self.entered.set()
        assert self.let_go.wait(PATIENCE_S)
        if self.broken_level is not None and rgb[0, 0, 0] == self.broken_level:
            raise RuntimeError('this one is broken')
        return super().translate(rgb, out, context)

    def translate_batch(self, rgbs, outs, contexts):
        if self.broken_batches or any(rgb[0, 0, 0] == self.broken_level for rgb in rgbs):
            raise RuntimeError('out of memory')
        self.shared.append(super().translate_batch(rgbs, outs, contexts))
        return self.shared[-1]


def level_message(level, size=(20, 10)):
    return image_message(bytes([level]) * (3 * size[0] * size[1]), *size, 'rgb8')


@pytest.fixture
def exchange():
    """Let a first frame hold the worker up, send others meanwhile, and wait for all answers."""
    workers = []

    def exchange(translator, messages, parameters=None, expected=None):
        cameras = [RecordingCamera() for _ in messages]
        first, reasons = RecordingCamera(), []
        worker = TranslationWorker(
            [first, *cameras], translator, parameters or ProxyParameters(),
            lambda camera, reason: reasons.append((camera, reason)),
        )  # fmt: skip
        workers.append(worker)
        worker.submit(first, level_message(1))
        assert translator.entered.wait(PATIENCE_S)
        for camera, message in zip(cameras, messages, strict=True):
            worker.submit(camera, message)
        translator.let_go.set()
        for camera, message in zip(cameras, messages, strict=True):
            if expected is None or message in expected:
                with camera.published:
                    assert camera.published.wait_for(lambda c=camera: c.images, PATIENCE_S)
                assert camera.images == [message]
        worker.close()
        assert first.images
        return [camera.statistics.report() for camera in cameras], reasons

    yield exchange
    for worker in workers:
        worker.close()


def test_frames_that_wait_together_share_a_run(exchange):
    translator = GatedTranslator()
    reports, reasons = exchange(translator, [level_message(n) for n in (20, 30, 40)])
    # The first frame found nobody waiting, and so waited for nobody.
    assert len(translator.contexts) == 1
    assert translator.shared == [[2, 2, 1]]
    assert [report.counts.batched for report in reports] == [1, 1, 0]
    assert [report.counts.published for report in reports] == [1, 1, 1]
    assert reasons == []


def test_stages_of_a_batch_add_up_to_the_latency(exchange):
    reports, _ = exchange(GatedTranslator(), [level_message(n) for n in (20, 30)])
    for report in reports:
        assert sum(report.stage_ms.values()) == pytest.approx(report.latency_ms['p50'])
        assert min(report.stage_ms.values()) >= 0


def test_frames_of_another_size_take_their_own_turn(exchange):
    translator = GatedTranslator()
    sizes = ((20, 10), (32, 8), (20, 10))
    messages = [level_message(n, size) for n, size in zip((20, 30, 40), sizes, strict=True)]
    reports, _ = exchange(translator, messages)
    assert translator.shared == [[2, 2]]
    assert [report.counts.batched for report in reports] == [1, 0, 1]


def test_no_batch_where_the_model_is_not_faster_so(exchange):
    translator = GatedTranslator()
    translator.batch_sizes = ()
    exchange(translator, [level_message(n) for n in (20, 30)])
    assert translator.shared == []
    assert len(translator.contexts) == 3


def test_originals_are_never_batched(exchange):
    translator = GatedTranslator()
    translator.entered.set()
    exchange(translator, [level_message(n) for n in (20, 30)], ProxyParameters(enabled=False))
    assert translator.shared == [] == translator.contexts


def test_a_broken_frame_does_not_take_the_others_with_it(exchange):
    translator = GatedTranslator(broken_level=30)
    messages = [level_message(n) for n in (20, 30, 40)]
    reports, reasons = exchange(translator, messages, expected=[messages[0], messages[2]])
    assert [report.counts.published for report in reports] == [1, 0, 1]
    assert [report.counts.failed for report in reports] == [0, 1, 0]
    assert [reason for _, reason in reasons] == ['this one is broken']


def test_a_message_that_is_no_image_does_not_stop_the_batch(exchange):
    translator = GatedTranslator()
    bad = image_message(b'', 20, 10, 'rgb8', step=60)
    messages = [level_message(20), bad, level_message(40)]
    reports, reasons = exchange(translator, messages, expected=[messages[0], messages[2]])
    assert [report.counts.published for report in reports] == [1, 0, 1]
    assert translator.shared == [[2, 2]]
    assert len(reasons) == 1


def test_batches_that_fail_are_not_tried_again(exchange):
    translator = GatedTranslator(broken_batches=True)
    reports, reasons = exchange(translator, [level_message(n) for n in (20, 30)])
    assert [report.counts.published for report in reports] == [1, 1]
    assert [report.counts.batched for report in reports] == [0, 0]
    assert translator.batch_sizes == ()
    assert reasons == []


def test_two_cameras_share_runs_of_a_real_node(start_proxy, client):
    names = ('front', 'rear')
    program = start_proxy(
        model='identity', cameras=names, batching='always', trial_run=False, provider='cpu'
    )
    for name in names:
        client.listen(f'/realistic/{name}/image_raw', qos=1)
        client.advertise(f'/{name}/image_raw')
        client.wait_for_listener(f'/{name}/image_raw', program)
    size = (640, 480)
    sent = {}

    def both_share_runs():
        for _ in range(5):
            for number, name in enumerate(names):
                message = rgb_message(size, seed=number)
                sent[name, message.header.stamp.sec] = message
                client.publishers[f'/{name}/image_raw'].publish(message)
        statuses = [client.diagnostics.get(f'camera {name}') for name in names]
        values = [{p.key: p.value for p in s.values} for s in statuses if s is not None]
        return len(values) == 2 and all(int(v.get('frames in batches', 0)) for v in values)

    client.wait(both_share_runs, 'frames in batches', program)
    for name in names:
        received = client.received[f'/realistic/{name}/image_raw']
        assert received
        for message in received[-10:]:
            expected = sent[name, message.header.stamp.sec]
            assert message.header == expected.header
            np.testing.assert_array_equal(np.asarray(message.data), np.asarray(expected.data))
    # A camera alone is served as before.
    alone = rgb_message(size, seed=7)
    assert (
        client.exchange('/front/image_raw', alone, '/realistic/front/image_raw', program) == alone
    )
    model = {pair.key: pair.value for pair in client.status('model').values}
    assert model['frames per run'] == '1 or 2'
    assert model['precision'] == 'float32'
