"""What the training benchmark compares: groups of contenders that take turns."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

FP32, BF16 = 'precision=fp32', 'precision=bf16-mixed'


@dataclass(frozen=True)
class Contender:
    """One row of a table, and one process.

    Attributes:
        name: In the table.
        kind: A key of WORKS in train_worker.py.
        method: A method of the package.
        overrides: Differences from its configuration.
        fused: Whether the plain implementation uses the fused Adam.
        note: What the ratio to the row before is due to, where that is of interest.
    """

    name: str
    kind: Literal['plain', 'method', 'loop', 'data']
    method: str
    overrides: tuple[str, ...]
    fused: bool = False
    note: str = ''


@dataclass(frozen=True)
class Group:
    """Contenders that take turns; ratios are to the first of them."""

    title: str
    contenders: list[Contender] = field(default_factory=list)


@dataclass(frozen=True)
class Scale:
    """How large everything is.

    Attributes:
        size: (width, height) of a crop.
        batch_size: Images of each domain.
        filters: Of ResNet generators and all discriminators.
        blocks: Of ResNet generators.
    """

    size: tuple[int, int]
    batch_size: int
    filters: int
    blocks: int

    @property
    def resnet(self) -> tuple[str, ...]:
        """Return what ResNet generators differ in."""
        return f'generator.filters={self.filters}', f'generator.blocks={self.blocks}'

    @property
    def all(self) -> tuple[str, ...]:
        """Return what all methods differ in."""
        width, height = self.size
        return (
            f'data.crop_size=[{width}, {height}]',
            f'data.load_size=[{width * 9 // 8}, {height * 9 // 8}]',
            f'batch_size={self.batch_size}',
            f'discriminator.filters={self.filters}',
        )


def step_group(scale: Scale) -> Group:
    """The CycleGAN step, from the plain implementation to the package's own, gain by gain."""
    common = (*scale.all, *scale.resnet)
    fp32, bf16 = (*common, FP32), (*common, BF16)
    return Group(
        'CycleGAN step',
        [
            Contender('plain, fp32', 'plain', 'cyclegan', fp32),
            Contender('plain, fused Adam', 'plain', 'cyclegan', fp32, True, 'fused Adam'),
            Contender('ours, fp32', 'method', 'cyclegan', fp32, note='one pass for two batches'),
            Contender('ours, bf16-mixed', 'method', 'cyclegan', bf16, note='bf16'),
            Contender('plain, bf16', 'plain', 'cyclegan', bf16),
        ],
    )


def method_groups(scale: Scale, wanted: list[str], *, quick: bool) -> list[Group]:
    """Every method with its usual generator, and CycleGAN with others: fp32 beside bf16."""
    unet = ('generator.depth=5', 'generator.filters=32')
    small = 'generator.filters=16'
    resnet = scale.resnet
    cases: list[tuple[str, str, tuple[str, ...]]] = [
        ('cyclegan', 'resnet', resnet),
        ('cut', 'resnet', resnet),
        ('unit', 'unit', (small,)),
        ('pix2pix', 'unet', unet),
        ('simgan', 'refiner', ()),
        ('distil', 'mobile_unet', (small,)),
    ]
    if not quick:
        cases += [
            ('cyclegan', 'separable_resnet', ('generator.name=separable_resnet', *resnet)),
            ('cyclegan', 'mobile_unet', ('generator.name=mobile_unet', small)),
            ('cyclegan', 'unet', ('generator.name=unet', *unet)),
            ('distil', 'hyper_unet', ('generator.name=hyper_unet', small)),
        ]
    return [
        Group(
            f'{method} / {generator}',
            [
                Contender('fp32', 'method', method, (*scale.all, *overrides, FP32)),
                Contender('bf16-mixed', 'method', method, (*scale.all, *overrides, BF16)),
            ],
        )
        for method, generator, overrides in cases
        if not wanted or method in wanted
    ]


def data_group(scale: Scale, folder: Path) -> Group:
    """Reading batches with nothing else to do."""
    common = (*scale.all, *_data(folder))
    return Group(
        'batches alone',
        [
            Contender('cached', 'data', 'cyclegan', (*common, 'data.cache=true')),
            Contender('uncached', 'data', 'cyclegan', (*common, 'data.cache=false')),
        ],
    )


def loop_groups(scale: Scale, folder: Path) -> list[Group]:
    """The loop beside the bare step: a usual run, and the fastest step that there is."""
    cases = [
        ('cyclegan', 'resnet', scale.resnet),
        ('distil', 'mobile_unet', ('generator.filters=16',)),
    ]
    groups = []
    for method, generator, overrides in cases:
        common = (*scale.all, *overrides, FP32, *_data(folder), *_SHORT_END)
        groups.append(
            Group(
                f'loop of {method} / {generator}',
                [
                    Contender('bare step', 'method', method, common),
                    Contender('loop, cached', 'loop', method, (*common, 'data.cache=true')),
                    Contender('loop, uncached', 'loop', method, (*common, 'data.cache=false')),
                ],
            )
        )
    return groups


_SHORT_END = ('report.evaluation_images=2', 'report.samples=1', 'report.best_by=""')


def _data(folder: Path) -> tuple[str, ...]:
    return (
        f'data.sim={folder / "sim"}',
        f'data.real={folder / "real"}',
        f'data.cache_folder={folder / "cache"}',
    )
