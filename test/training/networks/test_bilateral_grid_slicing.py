import pytest
import torch
from torch.nn import functional

from sim2real_ros.training.networks.bilateral_grid_slicing import fit_tiles, slice_grid

ROWS, COLUMNS, BINS = 2, 3, 4


def noise(*shape, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(*shape, generator=generator, dtype=torch.float64)


def first_colour(terms):
    """A guide: red, from -1..1 to 0..1."""
    return (terms[..., :1, :] + 1) / 2


def random_grid(count=2, rows=ROWS, columns=COLUMNS, bins=BINS):
    return noise(count, 3, 4, bins, rows + 1, columns + 1, seed=1) - 0.5


def sliced_naively(image, grid):
    """Look every pixel up by itself, eight matrices each."""
    count, _, height, width = image.shape
    bins, rows, columns = grid.shape[3], grid.shape[4] - 1, grid.shape[5] - 1
    result = torch.zeros_like(image)
    for n in range(count):
        for y in range(height):
            for x in range(width):
                colour = image[n, :, y, x]
                place = (
                    float(colour[0] + 1) / 2 * (bins - 1),
                    (y + 0.5) / height * rows,
                    (x + 0.5) / width * columns,
                )
                matrix = looked_up(grid[n], place)
                result[n, :, y, x] = matrix[:, :3] @ colour + matrix[:, 3]
    return result


def looked_up(grid, place):
    matrix = torch.zeros(3, 4, dtype=grid.dtype)
    lowest = [min(int(each), side - 2) for each, side in zip(place, grid.shape[2:], strict=True)]
    for corner in torch.cartesian_prod(*[torch.arange(2)] * 3).tolist():
        share, index = 1.0, []
        for each, low, step in zip(place, lowest, corner, strict=True):
            share *= 1 - abs(each - low - step)
            index.append(low + step)
        matrix += share * grid[:, :, index[0], index[1], index[2]]
    return matrix


def test_every_pixel_is_multiplied_by_the_matrix_at_its_place_and_guide():
    image = noise(2, 3, 4 * ROWS, 3 * COLUMNS) * 2 - 1
    image[0, 0, 0, :3] = torch.tensor([-1.0, 1.0, 1 / 3])
    torch.testing.assert_close(
        slice_grid(image, first_colour, random_grid()), sliced_naively(image, random_grid())
    )


def test_slicing_is_what_sampling_a_volume_is():
    image, grid = noise(2, 3, 10, 21) * 2 - 1, random_grid()
    height, width = image.shape[2:]
    # With the corners of the volume at the corners of the image, pixels lie half a step inside.
    across = (torch.arange(width) + 0.5) / width * 2 - 1
    down = (torch.arange(height) + 0.5) / height * 2 - 1
    places = torch.stack(
        [
            across.expand(2, height, width).double(),
            down[:, None].expand(2, height, width).double(),
            image[:, 0],
        ],
        -1,
    )
    volume = grid.reshape(2, 12, *grid.shape[3:])
    matrices = functional.grid_sample(volume, places[:, None], align_corners=True)
    matrices = matrices.reshape(2, 3, 4, height, width)
    terms = torch.cat([image, torch.ones_like(image[:, :1])], 1)
    expected = torch.einsum('nckhw,nkhw->nchw', matrices, terms)
    torch.testing.assert_close(slice_grid(image, first_colour, grid), expected)


def test_a_grid_of_one_bin_knows_places_only():
    image, grid = noise(1, 3, 4, 6) * 2 - 1, random_grid(1, bins=1)
    nowhere = torch.zeros_like(grid)
    at_zero = slice_grid(image, lambda terms: 0 * terms[..., :1, :], torch.cat([grid, nowhere], 3))
    torch.testing.assert_close(slice_grid(image, first_colour, grid), at_zero)


def test_gradients_of_image_and_grid_are_right():
    # No guide may lie on a bin, where the shares have a corner.
    image = (noise(2, 3, 4, 6) * 0.2 - 0.1).requires_grad_()
    grid = random_grid().requires_grad_()
    assert torch.autograd.gradcheck(lambda i, g: slice_grid(i, first_colour, g), (image, grid))


def test_an_image_that_can_be_cut_is_left_alone():
    image = noise(1, 3, 4, 6)
    assert fit_tiles(image, columns=3, rows=2) is image


@pytest.mark.parametrize('size', [(5, 6), (4, 7), (5, 7), (1, 1)])
def test_the_last_row_and_column_are_repeated_as_often_as_needed(size):
    image = noise(2, 3, *size)
    height, width = -(-size[0] // 4) * 4, -(-size[1] // 3) * 3
    expected = functional.pad(image, (0, width - size[1], 0, height - size[0]), mode='replicate')
    assert torch.equal(fit_tiles(image, columns=3, rows=4), expected)
