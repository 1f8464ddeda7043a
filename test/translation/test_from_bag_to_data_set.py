"""The chain of tools: extract-frames, make-dataset, translate, collect give a 1:1 set."""

import bag_cases
import numpy as np
import translation_cases as cases

from sim2real_ros.cli import main
from sim2real_ros.files import read_manifest


def run(*arguments):
    assert main([str(argument) for argument in arguments]) == 0


def write_drive(path, seed, count):
    content = bag_cases.BagContent('mcap')
    for index in range(count):
        rgb = cases.random_image(32, 24, seed + index)
        content.add_raw('/cam/image_raw', 'bgr8', (32, 24), rgb.tobytes())
        content.add_info('/cam/camera_info', (32, 24))
    return content.write(path)


def test_chain_gives_one_result_with_labels_for_every_simulated_frame(tmp_path):
    sim = write_drive(tmp_path / 'drive_sim', 0, 60)
    real = write_drive(tmp_path / 'drive_real', 1000, 30)
    for bag, name in ((sim, 'sim'), (real, 'real')):
        run('extract-frames', bag, '--size', 'original', '-o', tmp_path / name)
    labels = tmp_path / 'sim' / 'labels'
    labels.mkdir()
    for image in (tmp_path / 'sim' / 'images').iterdir():
        (labels / f'{image.stem}.txt').write_text(f'0 0.5 0.5 0.1 0.{image.stem}1\n')
    (tmp_path / 'sim' / 'classes.txt').write_text('duck\n')
    data_set, result = tmp_path / 'set', tmp_path / 'result'
    run('make-dataset', '--sim', tmp_path / 'sim', '--real', tmp_path / 'real', '-o', data_set)
    run('translate', data_set, '--only', 'train*A', '--only', 'testA', '--model',
        cases.negative(tmp_path), '-o', result)  # fmt: skip
    originals = {r.file: r for r in read_manifest(data_set).records if r.domain == 'sim'}
    records = read_manifest(result).records
    assert {record.file for record in records} == set(originals)
    assert len(records) > 10
    for record in records:
        original = originals[record.file]
        assert record.parent_sha256 == original.sha256
        assert record.source == original.source == str(sim)
        assert (record.index, record.stamp_ns) == (original.index, original.stamp_ns)
        assert record.labels == original.labels != ()
        for name in record.labels:
            assert (result / name).read_bytes() == (data_set / name).read_bytes()
        bgr = cases.random_image(32, 24, record.index)
        np.testing.assert_array_equal(cases.read_image(result / record.file), 255 - bgr[..., ::-1])
    run('collect', result, '--flat', '-o', tmp_path / 'final')
    final = read_manifest(tmp_path / 'final').records
    assert sorted(each.sha256 for each in final) == sorted(each.sha256 for each in records)
    assert all(each.labels for each in final)
