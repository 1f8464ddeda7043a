"""The parts that a training configuration is made of; each method joins them to its own."""

import math
from dataclasses import dataclass, field, replace
from typing import Literal

Size = tuple[int, int]


@dataclass(frozen=True)
class Initialisation:
    """How weights start.

    Attributes:
        kind: Distribution of the weights of convolutions and linear layers; biases start at 0.
        gain: Standard deviation of ``normal``, else the factor on the distribution's own.
    """

    kind: Literal['normal', 'xavier', 'kaiming', 'orthogonal'] = 'normal'
    gain: float = 0.02


@dataclass(frozen=True)
class GeneratorOptions:
    """Which generator to build; what a network has no use for is refused by its builder.

    Attributes:
        name: A key of GENERATORS.
        filters: Number of channels after the first layer; 0 = as many as the network usually has.
        blocks: Residual blocks; 0 = as many as the network usually has.
        depth: Number of halvings of a U-Net; 0 = as many as the network usually has.
        norm: Normalisation between convolutions.
        dropout: Whether the blocks that may drop out do so.
        downsampling: ``stride`` = strided convolutions, ``blur`` = anti-aliased (CUT).
        upsampling: ``transpose`` = transposed convolutions, ``resize`` = resize and convolve,
            which cannot leave checkerboards, ``blur`` = anti-aliased (CUT).
        initialisation: How weights start.
        grid_size: (width, height) of a bilateral grid, in cells.
        grid_bins: Levels of brightness of a bilateral grid.
        guide_filters: Channels of the curve by which a bilateral grid tells brightness.
        detail_levels: Levels of 255 by which the detail branch of a bilateral grid may change a
            pixel at most.
    """

    name: str = 'resnet'
    filters: int = 0
    blocks: int = 0
    depth: int = 0
    norm: Literal['instance', 'batch', 'none'] = 'instance'
    dropout: bool = False
    downsampling: Literal['stride', 'blur'] = 'stride'
    upsampling: Literal['transpose', 'resize', 'blur'] = 'transpose'
    initialisation: Initialisation = field(default_factory=Initialisation)
    grid_size: Size = (16, 12)
    grid_bins: int = 8
    guide_filters: int = 8
    detail_levels: float = 16.0

    def __post_init__(self) -> None:
        """Check what types alone cannot."""
        if min(self.filters, self.blocks, self.depth) < 0:
            raise ValueError('filters, blocks and depth must be 0 or more')
        if min(self.grid_size) < 2 or min(self.grid_bins, self.guide_filters) < 1:
            raise ValueError(
                'grid_size must be at least 2 by 2 cells, grid_bins and guide_filters positive'
            )
        if not 0 < self.detail_levels <= 255:
            raise ValueError(
                f'detail_levels must lie above 0 and up to 255, not {self.detail_levels}'
            )


@dataclass(frozen=True)
class DiscriminatorOptions:
    """Which discriminator to build.

    Attributes:
        name: A key of DISCRIMINATORS.
        filters: Number of channels after the first layer; 0 = as many as the network usually has.
        layers: Strided layers of ``patch``: 3 = a receptive field of 70x70 pixels.
        scales: Image scales of ``multiscale``; depths of ``projected``, 4 at most.
        norm: Normalisation between convolutions.
        downsampling: ``stride`` or ``blur`` (anti-aliased, CUT).
        augment: Whether ``projected`` sees all images shifted and with a part hidden, against
            learning few images by heart.
        initialisation: How weights start.
    """

    name: str = 'patch'
    filters: int = 0
    layers: int = 3
    scales: int = 3
    norm: Literal['instance', 'batch', 'none'] = 'instance'
    downsampling: Literal['stride', 'blur'] = 'stride'
    augment: bool = False
    initialisation: Initialisation = field(default_factory=Initialisation)

    def __post_init__(self) -> None:
        """Check what types alone cannot."""
        if self.filters < 0 or min(self.layers, self.scales) < 1:
            raise ValueError('filters must be 0 or more, layers and scales positive')


@dataclass(frozen=True)
class OptimiserOptions:
    """Adam, as all of these methods use it.

    Attributes:
        learning_rate: Before the schedule.
        betas: Of the running averages of gradient and square.
        weight_decay: L2 penalty inside the gradient (not decoupled).
    """

    learning_rate: float = 2e-4
    betas: tuple[float, float] = (0.5, 0.999)
    weight_decay: float = 0.0

    def __post_init__(self) -> None:
        """Check what types alone cannot."""
        if not (math.isfinite(self.learning_rate) and self.learning_rate > 0):
            raise ValueError(f'learning_rate must be positive, not {self.learning_rate}')
        if not all(0 <= beta < 1 for beta in self.betas) or self.weight_decay < 0:
            raise ValueError('betas must lie in 0 to below 1, weight_decay must not be negative')


@dataclass(frozen=True)
class ScheduleOptions:
    """How long to train, and how the learning rate changes meanwhile.

    Attributes:
        unit: What ``constant``, ``decay`` and ``decay_interval`` count. An epoch is as many images
            as the larger domain has.
        constant: Length at the full rate.
        decay: Further length with the rate falling (``linear``, ``cosine``) or halving on.
        policy: ``linear`` falls to almost 0 as in CycleGAN, ``cosine`` falls to 0 over the whole
            length, ``step`` multiplies by ``decay_factor`` every ``decay_interval``, ``constant``
            stays.
        decay_interval: Of ``step``.
        decay_factor: Of ``step``.
        max_minutes: Stop after this time, in order, with a checkpoint; 0 = no limit. The rate
            does not take it into account.
    """

    unit: Literal['epochs', 'steps'] = 'epochs'
    constant: int = 100
    decay: int = 100
    policy: Literal['linear', 'cosine', 'step', 'constant'] = 'linear'
    decay_interval: int = 50
    decay_factor: float = 0.1
    max_minutes: float = 0.0

    def __post_init__(self) -> None:
        """Check what types alone cannot."""
        if self.constant < 0 or self.decay < 0 or self.constant + self.decay < 1:
            raise ValueError('constant and decay must be 0 or more, together at least 1')
        if self.decay_interval < 1 or not 0 < self.decay_factor <= 1 or self.max_minutes < 0:
            raise ValueError(
                'decay_interval must be positive, decay_factor within 0..1, max_minutes 0 or more'
            )


@dataclass(frozen=True)
class DataOptions:
    """What to train on, and how images become batches.

    Attributes:
        root: A data set folder (see docs/training.md); or else ``sim`` and ``real`` are given.
        sim: Folder of simulated images, where there is no ``root``.
        real: Folder of real images, likewise.
        test_sim: Simulated images that are held out for samples and KID; '' = of ``root``.
        test_real: Real images that are held out; '' = of ``root``.
        masks: Folder of masks of the simulated images, for methods and losses that use them.
        direction: ``AtoB`` translates from sim to real, ``BtoA`` the other way.
        preprocess: How an image is brought to the size of the batch. ``none`` rounds to
            multiples of 4.
        load_size: (width, height) of ``resize``; of ``scale-width`` the width counts.
        crop_size: (width, height) of the crops.
        skip_top: Share of the image's height, from the top, that is never looked at.
        flip: Whether half of the images are mirrored.
        colour_jitter: Strength of random changes of brightness, contrast and saturation; 0 = none.
        max_images: Use only the first so many images of each domain; 0 = all.
        cache: Decode every image once into a memory-mapped file, in ``cache_folder``.
        cache_folder: '' = below the user's cache folder.
        workers: Threads that prepare batches ahead.
    """

    root: str = ''
    sim: str = ''
    real: str = ''
    test_sim: str = ''
    test_real: str = ''
    masks: str = ''
    direction: Literal['AtoB', 'BtoA'] = 'AtoB'
    preprocess: Literal[
        'resize-and-crop', 'resize', 'crop', 'scale-width', 'scale-width-and-crop', 'none'
    ] = 'resize-and-crop'
    load_size: Size = (286, 286)
    crop_size: Size = (256, 256)
    skip_top: float = 0.0
    flip: bool = True
    colour_jitter: float = 0.0
    max_images: int = 0
    cache: bool = True
    cache_folder: str = ''
    workers: int = 1

    def __post_init__(self) -> None:
        """Check what types alone cannot."""
        if min(*self.load_size, *self.crop_size) < 4:
            raise ValueError('load_size and crop_size are (width, height) of at least 4 pixels')
        if not 0 <= self.skip_top < 1 or not 0 <= self.colour_jitter <= 1:
            raise ValueError('skip_top must lie in 0 to below 1, colour_jitter within 0..1')
        if self.max_images < 0 or self.workers < 1:
            raise ValueError('max_images must be 0 or more, workers positive')

    @property
    def crops_move(self) -> bool:
        """Whether crops may lie in different places; of unscaled images nobody knows."""
        if self.preprocess == 'resize-and-crop':
            return self.crop_size != self.load_size
        return self.preprocess.endswith('crop')


@dataclass(frozen=True)
class ExtraLossOptions:
    """Loss terms against moved roads and lost labels, for any method; 0 switches a term off.

    Attributes:
        semantic_weight: Cross entropy between a segmenter's view of the translated image and the
            mask of the simulated one (CyCADA); the segmenter learns from sim images and masks.
        semantic_classes: Number of class ids in the masks; 255 means "not labelled".
        gradient_weight: L1 distance between the edges of sim and translated, in luminance.
        smoothness_weight: What is flat in the sim image, such as its sky, has to stay flat: mean
            differences between neighbouring cells of 8 pixels where sim has no edge.
        colour_weight: Where the simulator's thresholds see a line's colour, the robot's have to
            see it in the translated image, and nowhere else.
        colour_top: Share of the height, from the top, where the robot looks for no lines: there,
            ``colour_weight`` asks for nothing.
        sim_thresholds: File of the simulator's thresholds, or the name of one that is shipped.
        real_thresholds: The same for the robot's.
        region_top: Share of the height, from the top, that no loss looks at; 0.5 = train on the
            lower half only.
        region_mask: PNG whose non-zero pixels the losses look at; '' = everywhere.
    """

    semantic_weight: float = 0.0
    semantic_classes: int = 0
    gradient_weight: float = 0.0
    smoothness_weight: float = 0.0
    colour_weight: float = 0.0
    colour_top: float = 0.0
    sim_thresholds: str = 'duckietown_sim'
    real_thresholds: str = 'duckietown_real'
    region_top: float = 0.0
    region_mask: str = ''

    def __post_init__(self) -> None:
        """Check what types alone cannot."""
        weights = (
            *(self.semantic_weight, self.gradient_weight),
            *(self.smoothness_weight, self.colour_weight),
        )
        tops = (self.region_top, self.colour_top)
        if min(weights) < 0 or not all(0 <= top < 1 for top in tops):
            raise ValueError(
                'weights must not be negative, region_top and colour_top in 0 to below 1'
            )
        if self.semantic_weight and self.semantic_classes < 2:
            raise ValueError('semantic_weight needs semantic_classes, the number of class ids')


@dataclass(frozen=True)
class ReportOptions:
    """What a run writes down, and when; all intervals in steps.

    Attributes:
        log_interval: Between lines of metrics.jsonl.
        sample_interval: Between sample sheets.
        samples: Number of fixed frames on a sheet.
        evaluation_interval: Between measurements of KID on the held-out images; 0 = only at the
            end.
        evaluation_images: Of each domain, at most.
        checkpoint_interval: Between checkpoints.
        keep_last: Number of latest checkpoints to keep.
        best_by: The metric whose best checkpoint is kept too, '' = none.
    """

    log_interval: int = 100
    sample_interval: int = 1000
    samples: int = 4
    evaluation_interval: int = 5000
    evaluation_images: int = 200
    checkpoint_interval: int = 1000
    keep_last: int = 2
    best_by: str = 'kid'

    def __post_init__(self) -> None:
        """Check what types alone cannot."""
        positive = (
            *(self.log_interval, self.sample_interval, self.samples),
            *(self.evaluation_images, self.checkpoint_interval, self.keep_last),
        )
        if min(positive) < 1 or self.evaluation_interval < 0:
            raise ValueError('intervals and counts must be positive')


@dataclass(frozen=True)
class TrainingConfig:
    """What every method needs; each method's own class adds to it and sets its defaults.

    Attributes:
        method: A key of METHODS.
        data: What to train on.
        batch_size: Images of each domain per step and process.
        generator: The network from sim to real (and back, where the method has both).
        discriminator: Its opponent.
        optimiser: Of the generators.
        discriminator_optimiser: None = as ``optimiser``.
        schedule: Length and learning rate.
        extra_losses: Terms that keep labels.
        ema_decay: Of a running average of the generator's weights, which is then what is exported;
            0 = none.
        ema_start: Step at which averaging begins.
        precision: ``auto`` = bf16-mixed where GPU or CPU has bf16 in hardware (a CPU with
            avx512_bf16 or AMX: 1.4 to 1.7 times as fast), else fp32.
        seed: Of everything random.
        report: What is written down.
    """

    method: str
    data: DataOptions = field(default_factory=DataOptions)
    batch_size: int = 1
    generator: GeneratorOptions = field(default_factory=GeneratorOptions)
    discriminator: DiscriminatorOptions = field(default_factory=DiscriminatorOptions)
    optimiser: OptimiserOptions = field(default_factory=OptimiserOptions)
    discriminator_optimiser: OptimiserOptions | None = None
    schedule: ScheduleOptions = field(default_factory=ScheduleOptions)
    extra_losses: ExtraLossOptions = field(default_factory=ExtraLossOptions)
    ema_decay: float = 0.0
    ema_start: int = 0
    precision: Literal['auto', 'fp32', 'bf16-mixed', 'fp16-mixed'] = 'auto'
    seed: int = 0
    report: ReportOptions = field(default_factory=ReportOptions)

    def __post_init__(self) -> None:
        """Check what types alone cannot."""
        if self.batch_size < 1 or not 0 <= self.ema_decay < 1 or self.ema_start < 0:
            raise ValueError('batch_size must be positive, ema_decay in 0 to below 1')
        if not 0 <= self.seed < 2**31:
            raise ValueError(f'seed must lie in 0..2147483647, not {self.seed}')

    def without_files(self) -> 'TrainingConfig':
        """Return what builds the same networks, but reads none of the files that training needs.

        A run is exported where these files may no longer be.
        """
        losses = replace(self.extra_losses, region_mask='', colour_weight=0.0)
        return replace(self, extra_losses=losses)
