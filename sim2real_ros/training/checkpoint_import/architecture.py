"""Which generator do these weights belong to? Told from their names and shapes alone."""

import re
from dataclasses import dataclass
from typing import Literal

from sim2real_ros.errors import ModelError
from sim2real_ros.training.checkpoint_import.checkpoint_file import Weights
from sim2real_ros.training.options import GeneratorOptions

Norm = Literal['instance', 'batch', 'none']

HALVINGS = 2
"""Of the ResNet generators."""

_LAYERS_PER_HALVING = ('convolution', 'normalisation', 'activation')
"""The anti-aliased form has a blur after these."""

# No names that are the same number otherwise written, nor numbers that are none of a layer.
_TOP_CONVOLUTION = re.compile(r'model\.(0|[1-9][0-9]{0,5})\.weight')
_BLOCK_CONVOLUTION = re.compile(r'model\.(0|[1-9][0-9]{0,5})\.conv_block\.[0-9]+\.weight')


@dataclass(frozen=True)
class Architecture:
    """A generator of the original programs.

    Attributes:
        options: What our builder needs to build it.
        affine: Whether instance normalisation has weights of its own.
        input_channels: 3, or 1 for grey images.
        output_channels: Likewise.
    """

    options: GeneratorOptions
    affine: bool = False
    input_channels: int = 3
    output_channels: int = 3

    @property
    def original_name(self) -> str:
        """What the original programs call it: ``resnet_9blocks``, ``unet_256``."""
        if self.options.name == 'unet':
            return f'unet_{2**self.options.depth}'
        return f'resnet_{self.options.blocks}blocks'

    def __str__(self) -> str:
        """Describe it in one line."""
        options = self.options
        norm = f'{options.norm} norm{" with weights" if self.affine else ""}'
        channels = f'{self.input_channels} to {self.output_channels} channels'
        parts = [self.original_name, f'{options.filters} filters', norm, channels]
        if options.downsampling == 'blur' or options.upsampling != 'transpose':
            parts.append(f'{options.downsampling} down, {options.upsampling} up')
        return ', '.join(parts + (['dropout'] if options.dropout else []))


def detect(weights: Weights, norm: Norm | None = None) -> Architecture:
    """Find the architecture that weights belong to.

    Args:
        weights: Named as the original does.
        norm: The normalisation, where the names leave it open; None = find out.

    Raises:
        ModelError: They fit none of the known generators.
    """
    if _is_convolution(weights, 'model.model.0.weight'):
        return _unet(weights, norm)
    return _resnet(weights, norm)


def _resnet(weights: Weights, norm: Norm | None) -> Architecture:
    convolutions = _indices(_TOP_CONVOLUTION, weights)
    blocks = _indices(_BLOCK_CONVOLUTION, weights)
    if not blocks:
        raise ModelError('The ResNet generator has no residual blocks, at least one is expected.')
    first, last = convolutions[0], convolutions[-1]
    down = [i for i in convolutions if first < i < blocks[0]]
    up = [i for i in convolutions if blocks[-1] < i < last]
    if len(down) != HALVINGS or len(up) != HALVINGS:
        raise ModelError(
            f'The ResNet generator halves {len(down)} times and doubles {len(up)} times, expected '
            f'{HALVINGS} each.'
        )
    filters, input_channels = weights[f'model.{first}.weight'].shape[:2]
    kind, affine = _norm(weights, f'model.{down[0]}', f'model.{down[0] + 1}', norm)
    options = GeneratorOptions(
        name='resnet',
        filters=filters,
        blocks=len(blocks),
        norm=kind,
        dropout=_has_dropout(weights, blocks[0]),
        downsampling='blur' if down[1] - down[0] > len(_LAYERS_PER_HALVING) else 'stride',
        upsampling=_upsampling(weights, blocks[-1] + 1, up[0]),
    )
    output_channels = weights[f'model.{last}.weight'].shape[0]
    return Architecture(options, affine, input_channels, output_channels)


def _has_dropout(weights: Weights, block: int) -> bool:
    """Dropout moves the second convolution of a block from place 5 to 6, where a norm may be."""
    return _is_convolution(weights, f'model.{block}.conv_block.6.weight')


def _upsampling(
    weights: Weights, start: int, convolution: int
) -> Literal['transpose', 'resize', 'blur']:
    shape = weights[f'model.{convolution}.weight'].shape
    if convolution == start and shape[0] > shape[1]:
        return 'transpose'
    if f'model.{start}.filt' in weights:
        return 'blur'
    if convolution == start + 2:
        return 'resize'
    raise ModelError(
        f'The generator doubles sizes in an unknown way (layers {start} to {convolution}): known '
        'are transposed convolution, Upsample + ReflectionPad2d + Conv2d, and the anti-aliased '
        'form of CUT.'
    )


def _unet(weights: Weights, norm: Norm | None) -> Architecture:
    filters, input_channels = weights['model.model.0.weight'].shape[:2]
    depth = 1
    while f'{_level(depth)}.1.weight' in weights:
        depth += 1
    if depth < 3:
        raise ModelError(f'The U-Net halves {depth} times, at least 3 are expected.')
    kind, affine = _norm(weights, f'{_level(1)}.1', f'{_level(1)}.2', norm)
    options = GeneratorOptions(name='unet', filters=filters, depth=depth, norm=kind)
    if not _is_convolution(weights, 'model.model.3.weight'):
        raise ModelError('The U-Net lacks its last convolution, model.model.3.weight.')
    output_channels = weights['model.model.3.weight'].shape[1]
    return Architecture(options, affine, input_channels, output_channels)


def _level(number: int) -> str:
    """Return where the layers of a level of a U-Net lie; 0 is the outermost."""
    return 'model.model' + ''.join(f'.{1 if outer == 0 else 3}.model' for outer in range(number))


def _norm(
    weights: Weights, convolution: str, normalisation: str, wanted: Norm | None
) -> tuple[Norm, bool]:
    """Return the kind of normalisation, and whether it is instance norm with weights.

    Batch norm has weights and statistics. Instance norm usually has neither, and then the
    convolution before it has a bias, which the one without any normalisation has not.
    """
    own_weights = f'{normalisation}.weight' in weights
    statistics = f'{normalisation}.running_mean' in weights
    if statistics and not own_weights and f'{convolution}.bias' not in weights:
        raise ModelError(
            f'{normalisation!r} has statistics but no weights, which no norm of the original has.'
        )
    if own_weights:
        found: Norm = 'batch' if statistics and wanted != 'instance' else 'instance'
    else:
        found = 'instance' if f'{convolution}.bias' in weights else 'none'
    if wanted == 'none' and found == 'instance' and not own_weights:
        found = 'none'
    if wanted is not None and found != wanted:
        raise ModelError(f'The weights are of a generator with {found} norm, not {wanted}.')
    return found, found == 'instance' and own_weights


def _is_convolution(weights: Weights, key: str) -> bool:
    return key in weights and weights[key].dim() == 4


def _indices(pattern: 're.Pattern[str]', weights: Weights) -> list[int]:
    matches = (pattern.fullmatch(key) for key in weights if _is_convolution(weights, key))
    return sorted({int(match[1]) for match in matches if match})
