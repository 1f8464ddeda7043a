"""Generators as the original programs build them, layer by layer, for their names and numbers.

Written from a description of their layers; slow and plain, to compare against.
"""

import torch
from torch import nn
from torch.nn import functional


class Blur(nn.Module):
    """Depthwise filter with a constant kernel, which checkpoints carry as ``filt``."""

    def __init__(self, channels, taps, *, up):
        super().__init__()
        row = torch.tensor(taps)
        kernel = torch.outer(row, row)
        kernel = kernel / kernel.sum() * (4 if up else 1)
        self.register_buffer('filt', kernel[None, None].repeat(channels, 1, 1, 1))
        self.up = up

    def forward(self, x):
        channels = x.shape[1]
        if not self.up:
            padded = functional.pad(x, (1, 1, 1, 1), mode='reflect')
            return functional.conv2d(padded, self.filt, stride=2, groups=channels)
        padded = functional.pad(x, (1, 1, 1, 1), mode='replicate')
        wide = functional.conv_transpose2d(padded, self.filt, stride=2, padding=2, groups=channels)
        return wide[:, :, 1:-1, 1:-1]


class Block(nn.Module):
    def __init__(self, channels, norm, dropout, bias, name='conv_block'):
        super().__init__()
        layers = [nn.ReflectionPad2d(1), nn.Conv2d(channels, channels, 3, bias=bias)]
        layers += [norm(channels), nn.ReLU(), *([nn.Dropout(0.5)] if dropout else [])]
        layers += [nn.ReflectionPad2d(1), nn.Conv2d(channels, channels, 3, bias=bias)]
        self.name = name
        setattr(self, name, nn.Sequential(*layers, norm(channels)))

    def forward(self, x):
        return x + getattr(self, self.name)(x)


class Resnet(nn.Module):
    def __init__(
        self,
        *,
        filters=4,
        blocks=2,
        norm=nn.InstanceNorm2d,
        bias=True,
        dropout=False,
        blur=False,
        resize=False,
        channels=(3, 3),
        block_name='conv_block',
    ):
        super().__init__()
        layers = [nn.ReflectionPad2d(3), nn.Conv2d(channels[0], filters, 7, bias=bias)]
        layers += [norm(filters), nn.ReLU()]
        for width in (filters, 2 * filters):
            stride = 1 if blur else 2
            layers += [nn.Conv2d(width, 2 * width, 3, stride, padding=1, bias=bias)]
            layers += [norm(2 * width), nn.ReLU()]
            layers += [Blur(2 * width, (1.0, 2.0, 1.0), up=False)] if blur else []
        body = 4 * filters
        layers += [Block(body, norm, dropout, bias, block_name) for _ in range(blocks)]
        for width in (body, body // 2):
            layers += self.doubling(width, blur, resize, bias)
            layers += [norm(width // 2), nn.ReLU()]
        layers += [nn.ReflectionPad2d(3), nn.Conv2d(filters, channels[1], 7), nn.Tanh()]
        self.model = nn.Sequential(*layers)

    @staticmethod
    def doubling(width, blur, resize, bias):
        if blur:
            up = Blur(width, (1.0, 3.0, 3.0, 1.0), up=True)
            return [up, nn.Conv2d(width, width // 2, 3, padding=1, bias=bias)]
        if resize:
            pad = [nn.Upsample(scale_factor=2), nn.ReflectionPad2d(1)]
            return [*pad, nn.Conv2d(width, width // 2, 3, bias=bias)]
        return [nn.ConvTranspose2d(width, width // 2, 3, 2, 1, output_padding=1, bias=bias)]

    def forward(self, x):
        return self.model(x)


class Level(nn.Module):
    def __init__(self, outer, inner, below, norm, bias, kind, channels=(3, 3)):
        super().__init__()
        self.kind = kind
        source = channels[0] if kind == 'outermost' else outer
        down = nn.Conv2d(source, inner, 4, 2, 1, bias=bias)
        width = inner if kind == 'innermost' else 2 * inner
        if kind == 'outermost':
            up = nn.ConvTranspose2d(width, channels[1], 4, 2, 1)
            layers = [down, below, nn.ReLU(), up, nn.Tanh()]
        else:
            up = nn.ConvTranspose2d(width, outer, 4, 2, 1, bias=bias)
            middle = [norm(inner), below] if kind == 'middle' else []
            layers = [nn.LeakyReLU(0.2), down, *middle, nn.ReLU(), up, norm(outer)]
        self.model = nn.Sequential(*layers)

    def forward(self, x):
        return self.model(x) if self.kind == 'outermost' else torch.cat([x, self.model(x)], 1)


class Unet(nn.Module):
    def __init__(self, *, filters=4, depth=4, norm=nn.BatchNorm2d, bias=False, channels=(3, 3)):
        super().__init__()
        widths = [filters * min(8, 2**level) for level in range(depth)]
        level = Level(widths[-2], widths[-1], None, norm, bias, 'innermost')
        for number in range(depth - 2, 0, -1):
            level = Level(widths[number - 1], widths[number], level, norm, bias, 'middle')
        self.model = Level(None, filters, level, norm, bias, 'outermost', channels)

    def forward(self, x):
        return self.model(x)


def filled(network, seed=0):
    """Give every weight, bias and statistic a value that would be missed."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, value in network.state_dict().items():
            if not value.is_floating_point() or name.endswith('filt'):
                continue
            noise = torch.randn(value.shape, generator=generator)
            offset = 1.0 if value.dim() == 1 and name.endswith(('weight', 'var')) else 0.0
            value.copy_(
                (offset + 0.2 * noise).abs() if name.endswith('var') else offset + 0.2 * noise
            )
    return network.eval()
