"""Videos: to videos and to folders of frames."""

import cv2
import numpy as np
import pytest
import translation_cases as cases

from sim2real_ros.data.video_source import VideoSource
from sim2real_ros.errors import DataError
from sim2real_ros.files import read_manifest
from sim2real_ros.image.video_file import VideoFile
from sim2real_ros.translation import TranslateOptions, plan_translation, translate


def write_video(path, count=5, size=(64, 48), rate_hz=12.5):
    video = VideoFile(path, rate_hz, size)
    for seed in range(count):
        video.write(cases.smooth_image(*size, seed))
    video.close()
    return path


def rate_of(path):
    capture = cv2.VideoCapture(str(path))
    rate = capture.get(cv2.CAP_PROP_FPS)
    capture.release()
    return rate


def frames(path):
    return [frame.image.astype(int) for frame in VideoSource(path)]


def options(model, **changes):
    return TranslateOptions(str(model), **changes)


@pytest.mark.parametrize('suffix', ['.mp4', '.avi', '.mov'])
def test_video_keeps_its_length_size_and_rate(tmp_path, suffix):
    source = write_video(tmp_path / f'in{suffix}')
    output = tmp_path / f'out{suffix}'
    report = translate(source, output, options(cases.negative(tmp_path)))
    assert report.translated == 5
    assert rate_of(output) == pytest.approx(12.5)
    before, after = frames(source), frames(output)
    assert len(after) == 5
    for one, other in zip(before, after, strict=True):
        assert other.shape == one.shape
        assert np.abs(255 - one - other).mean() < 8
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        f'in{suffix}', 'negative.onnx', f'out{suffix}',
    ]  # fmt: skip


def test_video_at_the_size_of_the_model(tmp_path):
    source = write_video(tmp_path / 'in.mp4')
    model = cases.fixed_size_negative(tmp_path, 32, 16)
    translate(source, tmp_path / 'out.mp4', options(model, output_size='model'))
    assert frames(tmp_path / 'out.mp4')[0].shape == (16, 32, 3)


def test_video_becomes_a_folder_of_exact_frames(tmp_path):
    source, output = write_video(tmp_path / 'in.mp4'), tmp_path / 'out'
    translate(source, output, options(cases.negative(tmp_path), frames=True))
    manifest = read_manifest(output)
    for index, (record, expected) in enumerate(zip(manifest.records, frames(source), strict=True)):
        assert record.file == f'images/frame_{index:08d}.png'
        assert (record.index, record.stamp_ns) == (index, index * 80_000_000)
        assert record.source == str(source)
        np.testing.assert_array_equal(cases.read_image(output / record.file), 255 - expected)
    assert translate(source, output, options(tmp_path / 'negative.onnx', frames=True)).was_complete


def test_frames_that_the_model_cannot_take_are_told(tmp_path):
    """The choosy model takes the first video alone; it has worked for nobody in the second."""
    model = cases.choosy(tmp_path, 64, 48)
    good = write_video(tmp_path / 'good.mp4')
    assert not translate(good, tmp_path / 'out.mp4', options(model)).problems
    bad = write_video(tmp_path / 'bad.mp4', size=(32, 16))
    with pytest.raises(Exception, match='ONNX Runtime failed'):
        translate(bad, tmp_path / 'bad_out.mp4', options(model, jobs=1))
    assert not (tmp_path / 'bad_out.mp4').exists()


def test_video_that_ends_early_is_told(tmp_path):
    source = write_video(tmp_path / 'in.avi', count=40)
    content = source.read_bytes()
    source.write_bytes(content[: len(content) // 2])
    model = cases.negative(tmp_path)
    report = translate(source, tmp_path / 'out.avi', options(model))
    assert 0 < report.translated < 40
    assert 'ends after' in report.problems[0]
    report = translate(source, tmp_path / 'frames', options(model, frames=True))
    assert 'ends after' in report.problems[0]


def test_existing_video_is_replaced_on_demand_only(tmp_path):
    source, output = write_video(tmp_path / 'in.mp4'), tmp_path / 'out.mp4'
    output.write_bytes(b'mine')
    model = cases.negative(tmp_path)
    with pytest.raises(DataError, match='exists: choose another name'):
        translate(source, output, options(model))
    assert output.read_bytes() == b'mine'
    with pytest.raises(DataError, match='is the source'):
        translate(source, source, options(model, force=True))
    translate(source, output, options(model, force=True))
    assert len(frames(output)) == 5


@pytest.mark.parametrize('name', ['out', 'out.png', 'out.gif'])
def test_output_has_to_be_a_video(tmp_path, name):
    source = write_video(tmp_path / 'in.mp4')
    with pytest.raises(DataError, match='is no video file'):
        plan_translation(source, tmp_path / name, options(cases.negative(tmp_path)))


def test_odd_sizes_are_refused_instead_of_cut(tmp_path):
    source = write_video(tmp_path / 'in.mp4')
    model = cases.fixed_size_negative(tmp_path, 33, 16)
    with pytest.raises(DataError, match='33x16 pixels'):
        translate(source, tmp_path / 'out.mp4', options(model, output_size='model'))
    assert not (tmp_path / 'out.mp4').exists()


def test_no_video_inside(tmp_path):
    (tmp_path / 'in.mp4').write_bytes(b'no video')
    with pytest.raises(DataError, match='cannot open'):
        plan_translation(
            tmp_path / 'in.mp4', tmp_path / 'out.mp4', options(cases.negative(tmp_path))
        )
