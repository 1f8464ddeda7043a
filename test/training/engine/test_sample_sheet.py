import cv2
import numpy as np
import pytest
import torch

from sim2real_ros.errors import TrainingError
from sim2real_ros.training.engine.sample_sheet import sample_sheet, write_sample_sheet
from sim2real_ros.training.engine.samples import sample_frames

GAP, CAPTION = 4, 18


def colour(red, green, blue, count=1, height=20, width=30):
    return torch.tensor([red, green, blue]).view(1, 3, 1, 1).expand(count, 3, height, width)


def cell(sheet, row, column, height=20, width=30):
    top = GAP + row * (height + GAP + CAPTION)
    left = GAP + column * (width + GAP)
    return sheet[top : top + height, left : left + width]


def test_sample_frames_of_different_sizes_are_cut_to_a_common_one():
    rows, columns = np.mgrid[:24, :40]
    image = np.dstack([rows, columns, rows]).astype(np.uint8)
    sim, real = [image[:, :32], image[:16]], [image, image, image]
    (first, _), (second, last) = sample_frames(sim, real, 5)
    assert {each.shape for each in (first, second, last)} == {(16, 32, 3)}
    np.testing.assert_array_equal(first, image[4:20, :32])
    np.testing.assert_array_equal(second, image[:16, 4:36])
    np.testing.assert_array_equal(last, image[4:20, 4:36])


def test_sample_sheet_puts_frames_in_rows_and_titles_in_columns():
    first = torch.cat([colour(1.0, -1.0, -1.0), colour(-1.0, -1.0, 1.0)])
    sheet = sample_sheet({'sim': first, 'translated': -first})
    assert sheet.shape == (2 * (20 + GAP + CAPTION) + GAP, 2 * (30 + GAP) + GAP, 3)
    expected = {
        (0, 0): (255, 0, 0),
        (0, 1): (0, 255, 255),
        (1, 0): (0, 0, 255),
        (1, 1): (255, 255, 0),
    }
    for (row, column), rgb in expected.items():
        np.testing.assert_array_equal(cell(sheet, row, column), np.full((20, 30, 3), rgb))


def test_sample_sheet_shows_every_pixel_of_a_picture():
    levels = torch.arange(0, 256).repeat(3)[: 3 * 240].view(1, 3, 12, 20)
    sheet = sample_sheet({'sim': levels / 127.5 - 1})
    expected = levels[0].permute(1, 2, 0).numpy()
    np.testing.assert_array_equal(cell(sheet, 0, 0, 12, 20), expected)


def test_sample_sheet_takes_bf16_grey_and_values_outside():
    grey = torch.full((1, 1, 20, 30), 3.0, dtype=torch.bfloat16)
    grey[..., :10] = float('nan')
    grey[..., 10:20] = -5
    pixels = cell(sample_sheet({'sim': grey}), 0, 0)
    assert (pixels[:, :20] == 0).all()
    assert (pixels[:, 20:] == 255).all()


def test_sample_sheet_does_not_need_gradients_off():
    picture = torch.zeros(1, 3, 20, 30, requires_grad=True)
    assert (cell(sample_sheet({'sim': picture * 1}), 0, 0) == 128).all()


def test_sample_sheet_leaves_missing_cells_empty():
    sheet = sample_sheet({'sim': colour(0.0, 0.0, 0.0, 2), 'real': colour(0.0, 0.0, 0.0, 1)})
    assert (cell(sheet, 1, 0) == 128).all()
    assert (cell(sheet, 1, 1) == 245).all()


def test_sample_sheet_shrinks_what_is_too_large():
    wide = torch.zeros(1, 3, 300, 1200)
    assert sample_sheet({'a': wide}).shape == (128 + 2 * GAP + CAPTION, 512 + 2 * GAP, 3)
    many = sample_sheet({str(number): torch.zeros(1, 3, 100, 600) for number in range(30)})
    assert max(many.shape) <= 8192
    tall = sample_sheet({'a': torch.zeros(60, 3, 500, 20)})
    assert max(tall.shape) <= 8192


def test_write_sample_sheet_writes_a_png_of_the_same_pixels(tmp_path):
    path = tmp_path / 'samples' / 'step_00000010.png'
    sheet = write_sample_sheet(path, {'sim': colour(1.0, 0.0, -1.0)})
    read = cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB)
    np.testing.assert_array_equal(read, sheet)
    assert [each.name for each in path.parent.iterdir()] == [path.name]


def test_write_sample_sheet_keeps_the_old_file_when_it_fails(tmp_path):
    path = tmp_path / 'sheet.png'
    path.write_bytes(b'old')
    with pytest.raises(TrainingError, match='without pictures'):
        write_sample_sheet(path, {})
    assert path.read_bytes() == b'old'


@pytest.mark.parametrize('shape', [(3, 20, 30), (1, 4, 20, 30), (1, 3, 0, 30)])
def test_sample_sheet_refuses_what_is_no_picture(shape):
    with pytest.raises(TrainingError, match=r"column 'translated' .* expected \(N, 3, H, W\)"):
        sample_sheet({'translated': torch.zeros(shape)})


def test_sample_sheet_refuses_columns_without_pictures():
    with pytest.raises(TrainingError, match='at least 1'):
        sample_sheet({'sim': torch.zeros(0, 3, 20, 30)})
