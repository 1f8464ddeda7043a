"""What the node tells a model about each frame, and when a camera's memory is cleared."""

from dataclasses import replace

import pytest
from proxy_client import rgb_message
from test_hostile_frames import RecordingCamera

from sim2real_ros.resources import share_path
from sim2real_ros.ros.frame_processor import FrameProcessor
from sim2real_ros.ros.parameters import ProxyParameters
from sim2real_ros.runtime.translator import Translator

SMOOTHED = ProxyParameters(detail_strength=0.25, temporal_smoothing_s=0.5)


class RememberingBackend:
    """The identity, which counts the frames of each camera in its memory."""

    name, provider, precision, fallback = 'fake', 'cpu', 'float32', ''

    def __init__(self):
        self.contexts, self.counts = [], []

    def run(self, image, out, context):
        context.memory.content = (context.memory.content or 0) + 1
        self.contexts.append(context)
        self.counts.append(context.memory.content)
        if out is None:
            return image.copy()
        out[...] = image
        return out


@pytest.fixture
def translator():
    loaded = Translator.load(share_path('models') / 'identity.onnx', provider='cpu', threads=1)
    return Translator(loaded.model, RememberingBackend())


def send(processor, translator, parameters, stamp_s=(1, 0)):
    message = rgb_message((20, 10))
    message.header.stamp.sec, message.header.stamp.nanosec = stamp_s
    processor.process(message, 0, translator, parameters).publish()


def test_parameters_and_stamp_reach_the_model(translator):
    send(FrameProcessor(RecordingCamera()), translator, SMOOTHED, (12, 500_000_000))
    (context,) = translator.backend.contexts
    assert (context.detail_strength, context.smoothing_s, context.stamp_s) == (0.25, 0.5, 12.5)


def test_each_camera_has_its_own_memory(translator):
    one, other = FrameProcessor(RecordingCamera()), FrameProcessor(RecordingCamera())
    for processor in (one, other, one, other, one):
        send(processor, translator, SMOOTHED)
    assert translator.backend.counts == [1, 1, 2, 2, 3]


@pytest.mark.parametrize('change', [{'enabled': False}, {'strength': 0.0}])
def test_a_bypass_clears_the_memory(translator, change):
    processor = FrameProcessor(RecordingCamera())
    for parameters in (SMOOTHED, SMOOTHED, replace(SMOOTHED, **change), SMOOTHED):
        send(processor, translator, parameters)
    assert translator.backend.counts == [1, 2, 1]


def test_another_model_clears_the_memory(translator):
    processor = FrameProcessor(RecordingCamera())
    other = Translator(translator.model, translator.backend)
    for model in (translator, translator, other, other):
        send(processor, model, SMOOTHED)
    assert translator.backend.counts == [1, 2, 1, 2]


def test_the_report_tells_whether_smoothing_acts(translator):
    camera = RecordingCamera()
    processor = FrameProcessor(camera)

    def is_smoothed(model, parameters):
        send(processor, model, parameters)
        return camera.statistics.report().is_smoothed

    assert is_smoothed(translator, SMOOTHED)
    assert not is_smoothed(translator, replace(SMOOTHED, temporal_smoothing_s=0.0))
    assert not is_smoothed(translator, replace(SMOOTHED, enabled=False))
    forgetful = Translator.load(share_path('models') / 'identity.onnx', provider='cpu')
    assert not is_smoothed(forgetful, SMOOTHED)
