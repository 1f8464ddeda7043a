import pytest

from sim2real_ros.errors import ModelError
from sim2real_ros.runtime.model_path import check_copy_writable, check_writable


@pytest.mark.parametrize('check', [check_writable, check_copy_writable])
def test_only_new_onnx_files_are_written_without_force(tmp_path, check):
    (tmp_path / 'old.onnx').touch()
    check(tmp_path / 'new.onnx')
    check(tmp_path / 'old.onnx', force=True)
    with pytest.raises(ModelError, match='exists already'):
        check(tmp_path / 'old.onnx')
    with pytest.raises(ModelError, match=r'must end in \.onnx'):
        check(tmp_path / 'new.pt', force=True)


def test_a_side_card_must_not_hide_the_card_of_a_copy(tmp_path):
    (tmp_path / 'm.card.yaml').write_text('name: other')
    check_writable(tmp_path / 'm.onnx')
    for force in (False, True):
        with pytest.raises(ModelError, match=r"m\.card\.yaml' lies beside the copy"):
            check_copy_writable(tmp_path / 'm.onnx', force=force)
