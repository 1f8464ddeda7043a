"""Fit camera effects: what real frames show of their camera that simulated ones lack."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from sim2real_ros.baselines.camera_effects.blur_fit import fit_blur
from sim2real_ros.baselines.camera_effects.effects import EFFECTS, CameraEffects
from sim2real_ros.baselines.camera_effects.estimate import MIN_FRAMES, Estimate
from sim2real_ros.baselines.camera_effects.noise_fit import fit_noise
from sim2real_ros.baselines.camera_effects.reference import EffectsReference
from sim2real_ros.baselines.camera_effects.vignetting_fit import fit_vignetting
from sim2real_ros.baselines.camera_effects.white_balance_fit import fit_white_balance
from sim2real_ros.baselines.even_sample import EvenSample
from sim2real_ros.data import Frame
from sim2real_ros.errors import ConfigError, DataError
from sim2real_ros.image import resize

Image = npt.NDArray[np.uint8]
Values = npt.NDArray[np.float32]
Size = tuple[int, int]
Progress = Callable[[str, int], None]
Translate = Callable[[Image], Image]

DEFAULT_EFFECTS = ('vignetting', 'blur', 'noise')
"""A colour model before the effects has fitted the colours already, gains included."""

KEPT_FRAMES = 24
KEPT_PIXELS = 12_000_000
"""At least so many frames of a domain are kept, but fewer of large ones."""

MIN_SIDE_PX = 32


def unchanged(image: Image) -> Image:
    """Return the image: what comes before the effects where no generator does."""
    return image


@dataclass(frozen=True)
class FitOptions:
    """How to fit.

    Attributes:
        effects: Which of EFFECTS to fit. Lens distortion cannot be found from the frames.
        strength: Factor of all amounts that were found, 0..2.
        size: (width, height) at which to compare; None = that of the first simulated frame.
        lens: The k1 and k2 of a lens distortion to apply; (0, 0) = none.
    """

    effects: tuple[str, ...] = DEFAULT_EFFECTS
    strength: float = 1.0
    size: Size | None = None
    lens: tuple[float, float] = (0.0, 0.0)

    def __post_init__(self) -> None:
        """Check what types alone cannot.

        Raises:
            ConfigError: A value is outside its meaning.
        """
        unknown = set(self.effects) - set(EFFECTS[1:])
        if unknown:
            raise ConfigError(
                f'Cannot fit {sorted(unknown)}: expected some of {", ".join(EFFECTS[1:])}.'
            )
        if not 0 <= self.strength <= 2:
            raise ConfigError(f'strength must lie in 0..2, not {self.strength}.')
        CameraEffects(lens_k1=self.lens[0], lens_k2=self.lens[1])
        if self.size is not None and min(self.size) < MIN_SIDE_PX:
            raise ConfigError(f'size must be at least {MIN_SIDE_PX} on a side, not {self.size}.')


@dataclass(frozen=True, eq=False)
class CameraEffectsFit:
    """Fitted effects with their evidence.

    Attributes:
        effects: What goes into the model, strength included.
        estimates: What was found, before strength.
        size: (width, height) at which it was found; blur, grain and noise belong to it.
        strength: As in the options.
        frame_counts: Number of frames seen, of sim and of real.
        sim: Kept frames, as the simulator made them, of ``size``.
        translated: The same after the generator that comes before the effects.
        real: Kept frames of the camera, of ``size``.
    """

    effects: CameraEffects
    estimates: tuple[Estimate, ...]
    size: Size
    strength: float
    frame_counts: tuple[int, int]
    sim: list[Image]
    translated: list[Image]
    real: list[Image]

    @property
    def metrics(self) -> dict[str, float]:
        """Numbers for the model's card."""
        width, height = self.size
        sim, real = self.frame_counts
        found = {e.name: round(e.used, 4) for e in self.estimates}
        origin = {'sim_frames': sim, 'real_frames': real, 'fitted_width': width}
        return {**origin, 'fitted_height': height, 'effects_strength': self.strength, **found}


def estimate_table(fit: CameraEffectsFit) -> str:
    """Return a line of text for each number that was found, with its standard error."""
    lines = []
    for each in fit.estimates:
        found = f'{each.name:24}{each.value:8.3f} +- {each.error:.3f}'
        lines.append(found + (f'  -> {each.used:g}: {each.note}' if each.note else ''))
    return '\n'.join(lines)


def fit_camera_effects(
    sim: Iterable[Frame],
    real: Iterable[Frame],
    options: FitOptions,
    *,
    before: Translate = unchanged,
    progress: Progress = lambda domain, frames: None,
) -> CameraEffectsFit:
    """Find the effects that take ``sim`` to ``real``, one after the other.

    Each is found on simulated frames that went through those before it.

    Args:
        sim: Frames of the simulator.
        real: Frames of the camera; they are resized to the size of the simulated ones.
        options: How to fit.
        before: The generator that the effects come after, uint8 RGB (H, W, 3) to the same.
        progress: Called after each frame with 'sim' or 'real' and the number of frames so far.

    Raises:
        DataError: One of the two has too few readable frames, or they are tiny.
    """
    sim_frames, sim_count, size = _keep('sim', sim, options.size, progress)
    real_frames, real_count, _ = _keep('real', real, size, progress)
    translated = [before(image) for image in sim_frames]
    start = CameraEffects(lens_k1=options.lens[0], lens_k2=options.lens[1])
    effects, estimates = _fit(translated, real_frames, start, options.effects)
    return CameraEffectsFit(
        effects.scaled(options.strength),
        estimates,
        size,
        options.strength,
        (sim_count, real_count),
        sim_frames,
        translated,
        real_frames,
    )


def _fit(
    sim: Sequence[Image], real: Sequence[Image], effects: CameraEffects, wanted: Sequence[str]
) -> tuple[CameraEffects, tuple[Estimate, ...]]:
    estimates: list[Estimate] = []
    targets = [image.astype(np.float32) for image in real]

    def through_earlier() -> list[Values]:
        reference = EffectsReference(effects)
        return [np.clip(reference.optics(image), 0, 255) for image in sim]

    for effect, fit_one in (('vignetting', fit_vignetting), ('blur', fit_blur)):
        if effect in wanted:
            found = fit_one(through_earlier(), targets)
            effects = _with(effects, (found,))
            estimates.append(found)
    if 'white_balance' in wanted:
        red, green, blue = balance = fit_white_balance(through_earlier(), targets)
        effects = replace(effects, gains=(red.used, green.used, blue.used))
        estimates += balance
    if 'noise' in wanted:
        noise = fit_noise(through_earlier(), targets)
        effects = _with(effects, noise)
        estimates += noise
    return effects, tuple(estimates)


def _with(effects: CameraEffects, found: Sequence[Estimate]) -> CameraEffects:
    used: dict[str, Any] = {each.name: each.used for each in found}
    return replace(effects, **used)


def _keep(
    domain: str, frames: Iterable[Frame], size: Size | None, progress: Progress
) -> tuple[list[Image], int, Size]:
    kept: EvenSample[Image] | None = None
    count = 0
    for count, frame in enumerate(frames, start=1):
        if size is None:
            size = (frame.image.shape[1], frame.image.shape[0])
        if kept is None:
            kept = EvenSample[Image](_number_to_keep(size))
        kept.add(resize(frame.image, size))
        progress(domain, count)
    if kept is None or size is None or count < MIN_FRAMES:
        raise DataError(
            f'{count} frames of the {domain} source could be read, at least {MIN_FRAMES} are '
            'needed to tell the camera from the scene; better are 100.'
        )
    if min(size) < MIN_SIDE_PX:
        raise DataError(
            f'The {domain} frames are {size[0]}x{size[1]}, too small to tell noise and blur: '
            f'expected at least {MIN_SIDE_PX} on a side. Give a larger size to compare at.'
        )
    return kept.items, count, size


def _number_to_keep(size: Size) -> int:
    return max(MIN_FRAMES, min(KEPT_FRAMES, KEPT_PIXELS // (size[0] * size[1])))
