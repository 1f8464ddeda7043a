"""A quantised model with all that was measured of it, and whether it may be written."""

import math
from dataclasses import dataclass
from pathlib import Path

from sim2real_ros.card import ModelCard
from sim2real_ros.errors import ModelError
from sim2real_ros.files import write_atomically
from sim2real_ros.quantisation.frame_sets import FrameSets
from sim2real_ros.quantisation.options import QuantiseOptions
from sim2real_ros.quantisation.quality import QualityLoss
from sim2real_ros.quantisation.speed import Speed
from sim2real_ros.runtime.model_path import check_copy_writable

LAYERS_SHOWN = 6


@dataclass(frozen=True)
class BackendSpeed:
    """Times on one back end.

    Attributes:
        choice: What was asked for: 'auto' or a key of BACKENDS.
        names: The runtime that ran the float model, and the one that ran the quantised one.
        speed: The times.
    """

    choice: str
    names: tuple[str, ...]
    speed: Speed

    @property
    def title(self) -> str:
        """Name the runtime, or both where ``auto`` chose another one for the new model."""
        return ' -> '.join(dict.fromkeys(self.names))


@dataclass(frozen=True)
class QuantisedModel:
    """A quantised model that has been measured.

    Attributes:
        content: The file.
        card: The card inside it.
        layers: Names of all layers that could be quantised.
        kept_in_float: Those that are not.
        loss: What was lost on the held-out frames, on the back end that counts.
        speeds: Times by back end; the first one is that which counts.
        options: What was asked for.
        frames: What it was calibrated with and measured on.
    """

    content: bytes
    card: ModelCard
    layers: tuple[str, ...]
    kept_in_float: tuple[str, ...]
    loss: QualityLoss
    speeds: tuple[BackendSpeed, ...]
    options: QuantiseOptions
    frames: FrameSets

    def refusals(self) -> list[str]:
        """Say why the model should not be used; nothing where it is good and faster."""
        complaints = self.options.limits.complaints(self.loss)
        found = []
        if complaints and not self.options.force_quality:
            found.append(
                f'int8 costs too much quality: {"; ".join(complaints)}. Calibrate with more '
                'frames or in another way, or allow it (--force-quality).'
            )
        counts, *others = self.speeds
        wanted = self.options.min_speedup
        if counts.speed.ratio < wanted:
            # Rounded down, or 1.097 would read as if it were the 1.10 that is wanted.
            found_ratio = math.floor(100 * counts.speed.ratio) / 100
            text = f'int8 does not pay here: {found_ratio:.2f}x on {counts.title} '
            text += f'(at least {wanted:g}x wanted, --min-speedup).'
            paying = [each for each in others if each.speed.ratio >= wanted]
            if paying:
                best = max(paying, key=lambda each: each.speed.ratio)
                text += f' It does with --backend {best.choice}: {best.speed.ratio:.2f}x.'
            found.append(text)
        return found

    def describe(self) -> list[str]:
        """Tell what was measured, as the lines of a small table."""
        loss = self.loss
        quantised = len(self.layers) - len(self.kept_in_float)
        kept = ', '.join(self.kept_in_float[:LAYERS_SHOWN])
        if len(self.kept_in_float) > LAYERS_SHOWN:
            kept += ' ...'
        in_float = f' (in float: {kept})' if kept else ''
        rows = [
            ('layers in int8', f'{quantised} of {len(self.layers)}{in_float}'),
            ('frames', f'{len(self.frames.calibration)} to calibrate, {len(self.frames.held_out)} '
             'others to measure'),
            ('mean difference', f'{loss.mean_levels:.2f} levels, worst frame '
             f'{loss.worst_mean_levels:.2f}'),
            ('largest difference', f'{loss.max_levels} levels'),
            ('PSNR', f'{loss.psnr_db:.1f} dB, worst frame {loss.worst_psnr_db:.1f}'),
            ('edge agreement', f'{loss.edge_agreement:.3f}'),
        ]  # fmt: skip
        for each in self.speeds:
            times = f'{each.speed.float_ms:.2f} -> {each.speed.int8_ms:.2f} ms'
            rows.append(('speed', f'{each.speed.ratio:.2f}x on {each.title} ({times})'))
        return [f'{name:20}{text}' for name, text in rows]


def write_quantised(model: QuantisedModel, path: str | Path, *, force: bool = False) -> None:
    """Write a quantised model, if it is worth it.

    Args:
        model: The model.
        path: The ``.onnx`` file.
        force: Whether an existing file may be replaced.

    Raises:
        ModelError: It lost too much or is not faster, or as ``check_copy_writable``.
        DataError: The disk refuses.
    """
    refusals = model.refusals()
    if refusals:
        raise ModelError(f'Not written: {" ".join(refusals)}')
    check_copy_writable(path, force=force)
    write_atomically(Path(path), model.content)
