"""Two tiny domains between which the right translation is known.

Sim pictures show a sky, a road that runs to a vanishing point, its markings, and boxes. The real
domain has other such scenes, in other colours and with another surface: colours go through one
matrix, then every pixel is set off against the one above it, as if light fell from there.
"""

import torch

PALETTE = {
    'sky': (-0.3, 0.2, 0.8),
    'ground': (-0.2, 0.3, -0.6),
    'road': (-0.3, -0.3, -0.3),
    'white': (0.7, 0.7, 0.7),
    'yellow': (0.7, 0.5, -0.6),
    'box': (0.6, -0.6, -0.5),
}
MATRIX = torch.tensor([[0.3, 0.1, 0.5], [0.1, 0.6, 0.0], [0.4, 0.0, 0.2]])
OFFSET = torch.tensor([0.4, 0.1, -0.3])
RELIEF = 0.5


def sim_scenes(count, seed, size=32):
    """Draw scenes, (count, 3, size, size), float32, -1..1."""
    generator = torch.Generator().manual_seed(seed)
    rows = torch.arange(size).reshape(1, size, 1) / size
    columns = torch.arange(size).reshape(1, 1, size) / size

    def uniform(low, high):
        return low + (high - low) * torch.rand(count, 1, 1, generator=generator)

    horizon, vanishing = uniform(0.25, 0.5), uniform(0.2, 0.8)
    depth = ((rows - horizon) / (1 - horizon)).clamp(0, 1)
    below, offset = rows > horizon, columns - vanishing
    width, lane = uniform(0.3, 0.6), uniform(-0.1, 0.1)
    layers = [
        ('ground', below & (columns >= 0)),
        ('road', below & (offset.abs() < width * depth)),
        ('white', below & ((offset.abs() - width * depth).abs() < 0.12 * depth)),
        ('yellow', below & ((offset - lane * depth).abs() < 0.1 * depth)),
    ]
    left, top, side = uniform(0, 0.8), uniform(0.2, 0.7), uniform(0.1, 0.3)
    inside = (columns >= left) & (columns < left + side)
    layers.append(('box', inside & (rows >= top) & (rows < top + side)))
    picture = torch.tensor(PALETTE['sky']).reshape(1, 3, 1, 1).expand(count, 3, size, size)
    for name, mask in layers:
        colour = torch.tensor(PALETTE[name]).reshape(1, 3, 1, 1)
        picture = torch.where(mask[:, None], colour, picture)
    shade = 1 - 0.4 * uniform(0, 1)[:, None] * columns[:, None]
    return ((picture + 1) * shade - 1).contiguous()


def as_real(sim):
    """Return the right answer: the same scenes as the real domain shows them."""
    coloured = torch.einsum('oc,nchw->nohw', MATRIX, sim) + OFFSET.reshape(1, 3, 1, 1)
    above = torch.cat([coloured[:, :, :1], coloured[:, :, :-1]], 2)
    return (coloured + RELIEF * (coloured - above)).clamp(-1, 1)


def psnr_db(images, answers):
    """Return the peak signal-to-noise ratio of all pixels together, for a range of -1..1."""
    return float(10 * torch.log10(4 / (images - answers).square().mean()))
