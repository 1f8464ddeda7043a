"""Fit a colour transfer between two sources of frames, and write it as a model file."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from sim2real_ros.baselines.colour_graph import build_colour_graph
from sim2real_ros.baselines.colour_space import COLOUR_SPACES, ColourSpace
from sim2real_ros.baselines.colour_statistics import ColourStatistics, sample_pixels
from sim2real_ros.baselines.colour_transfer import (
    DEFAULT_SPACES,
    METHODS,
    ColourTransfer,
    fit_colour_transfer,
)
from sim2real_ros.baselines.even_sample import EvenSample
from sim2real_ros.baselines.export import write_model
from sim2real_ros.card import ModelCard
from sim2real_ros.data import Frame
from sim2real_ros.errors import ConfigError, DataError

Image = npt.NDArray[np.uint8]
Progress = Callable[[str, int], None]

KEPT_FRAMES = 12
"""At least as many frames of each domain are kept for metrics and previews, if it has them."""


@dataclass(frozen=True)
class FitOptions:
    """How to fit.

    Attributes:
        method: Key of ``METHODS``.
        space: Key of ``COLOUR_SPACES``; '' means the one the method works best in.
        max_pixels: Roughly as many pixels of each frame; 0 = all.
        skip_top: Fraction of each frame, from the top, that is left out, in [0, 1).
    """

    method: str = 'reinhard'
    space: str = ''
    max_pixels: int = 20_000
    skip_top: float = 0.0

    def __post_init__(self) -> None:
        """Check what types alone cannot.

        Raises:
            ConfigError: A value is outside its meaning.
        """
        if self.method not in METHODS:
            raise ConfigError(f'Unknown method {self.method!r}: expected {", ".join(METHODS)}.')
        if self.space and self.space not in COLOUR_SPACES:
            raise ConfigError(
                f'Unknown space {self.space!r}: expected {", ".join(COLOUR_SPACES)}.'
            )
        if self.max_pixels < 0:
            raise ConfigError(f'max_pixels must be 0 (all) or more, not {self.max_pixels}.')
        if not 0 <= self.skip_top < 1:
            raise ConfigError(f'skip_top must be in [0, 1), not {self.skip_top}.')

    @property
    def colour_space(self) -> ColourSpace:
        """The colour space to fit in."""
        return COLOUR_SPACES[self.space or DEFAULT_SPACES[self.method]]


@dataclass(frozen=True, eq=False)
class DomainColours:
    """What one pass over a source found.

    Attributes:
        statistics: In the space of the fit.
        rgb: In RGB, 0..255.
        frame_count: Number of frames seen.
        frames: Fewer than ``2 * KEPT_FRAMES`` of them, evenly spread.
    """

    statistics: ColourStatistics
    rgb: ColourStatistics
    frame_count: int
    frames: list[Image]


@dataclass(frozen=True, eq=False)
class ColourFit:
    """A fitted transfer with its evidence."""

    transfer: ColourTransfer
    sim: DomainColours
    real: DomainColours
    metrics: dict[str, float]


def fit_colour(
    sim: Iterable[Frame],
    real: Iterable[Frame],
    options: FitOptions,
    progress: Progress = lambda domain, frames: None,
) -> ColourFit:
    """Fit the colours of ``sim`` to those of ``real`` in one pass over each.

    Args:
        sim: Frames of the simulator.
        real: Frames of the real camera; the sizes may differ.
        options: How to fit.
        progress: Called after each frame with 'sim' or 'real' and the number of frames so far.

    Raises:
        DataError: One of the two has no readable frame.
    """
    colours = {}
    for domain, frames in (('sim', sim), ('real', real)):
        colours[domain] = _measure(domain, frames, options, progress)
    source, target = colours['sim'], colours['real']
    transfer = fit_colour_transfer(
        source.statistics, target.statistics, options.method, options.colour_space
    )
    metrics = _metrics(transfer, source, target, options)
    return ColourFit(transfer, source, target, metrics)


def _measure(
    domain: str, frames: Iterable[Frame], options: FitOptions, progress: Progress
) -> DomainColours:
    space = options.colour_space
    statistics = rgb = ColourStatistics.empty()
    kept = EvenSample[Image](KEPT_FRAMES)
    count = 0
    for count, frame in enumerate(frames, start=1):
        pixels = _pixels(frame.image, options)
        rgb += ColourStatistics.of(pixels)
        statistics += ColourStatistics.of(space.from_rgb(pixels))
        kept.add(frame.image)
        progress(domain, count)
    if count == 0:
        raise DataError(
            f'No frame of the {domain} source could be read: nothing in it is an intact image.'
        )
    return DomainColours(statistics, rgb, count, kept.items)


def _pixels(image: Image, options: FitOptions) -> npt.NDArray[np.float64]:
    sample = sample_pixels(image, max_pixels=options.max_pixels, skip_top=options.skip_top)
    return sample.astype(np.float64)


def _metrics(
    transfer: ColourTransfer, sim: DomainColours, real: DomainColours, options: FitOptions
) -> dict[str, float]:
    translated = ColourStatistics.empty()
    clipped = 0.0
    for image in sim.frames:
        result = _pixels(transfer(image), options)
        translated += ColourStatistics.of(result)
        clipped += float(np.mean((result == 0) | (result == 255))) / len(sim.frames)
    before, after = moment_distance(sim.rgb, real.rgb), moment_distance(translated, real.rgb)
    return {
        'sim_frames': sim.frame_count,
        'real_frames': real.frame_count,
        'skip_top': options.skip_top,
        'rgb_mean_distance_before': round(before[0], 3),
        'rgb_mean_distance_after': round(after[0], 3),
        'rgb_covariance_distance_before': round(before[1], 4),
        'rgb_covariance_distance_after': round(after[1], 4),
        'saturated_fraction': round(clipped, 4),
    }


def moment_distance(found: ColourStatistics, wanted: ColourStatistics) -> tuple[float, float]:
    """Return how far apart the means are, and the covariances.

    Returns:
        Euclidean distance of the means in levels, and Frobenius distance of the covariances
        relative to the norm of the wanted one (absolute where that is zero).
    """
    mean = float(np.linalg.norm(found.mean - wanted.mean))
    norm = float(np.linalg.norm(wanted.covariance)) or 1.0
    return mean, float(np.linalg.norm(found.covariance - wanted.covariance)) / norm


def write_colour_model(
    fit: ColourFit, path: str | Path, training_data: str, licence: str, *, force: bool = False
) -> None:
    """Write a fit as a model file with its card, after a parity check.

    Args:
        fit: The fit.
        path: The ``.onnx`` file; its stem becomes the model's name.
        training_data: What it was fitted on.
        licence: Under which terms it may be used.
        force: Whether an existing file may be replaced.

    Raises:
        ModelError: The file exists, or cannot be written, or parity fails.
    """
    transfer = fit.transfer
    card = ModelCard(
        name=Path(path).stem,
        method=transfer.method,
        description=f'Colour statistics transfer ({transfer.method}) in {transfer.space.name}.',
        source_domain='simulation',
        target_domain='real camera',
        training_data=training_data,
        licence=licence,
        metrics=fit.metrics,
    )
    write_model(build_colour_graph(transfer, card), path, transfer, force=force)
