"""Recorder: what is written down after a step: lines, samples, measurements, checkpoints."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from sim2real_ros.errors import ConfigError
from sim2real_ros.training.batches import TrainingData
from sim2real_ros.training.engine.checkpoint import (
    Best,
    CheckpointFacts,
    checkpoint_steps,
    save_checkpoint,
)
from sim2real_ros.training.engine.configuration import config_sha256
from sim2real_ros.training.engine.interruption import Reason
from sim2real_ros.training.engine.measure import Measurement
from sim2real_ros.training.engine.metrics_log import MetricsLog
from sim2real_ros.training.engine.processes import Processes
from sim2real_ros.training.engine.progress import Progress
from sim2real_ros.training.engine.run_folder import (
    METRICS,
    SAMPLES,
    TENSORBOARD,
    RunFolder,
)
from sim2real_ros.training.engine.sample_sheet import write_sample_sheet
from sim2real_ros.training.engine.samples import draw_samples, sample_frames
from sim2real_ros.training.engine.schedule import Schedule
from sim2real_ros.training.engine.step_clock import StepClock
from sim2real_ros.training.engine.training_state import TrainingState
from sim2real_ros.training.engine.watch import Watch
from sim2real_ros.training.options import TrainingConfig

HIGHER_IS_BETTER = {'kid': False, 'psnr': True, 'diversity': True, 'reused': False}
"""The metrics that checkpoints can be chosen by."""

_PIXELS_AT_ONCE = 8 * 512 * 384

_NOT_MEASURABLE = (
    'not measurable: fewer than 2 simulated images are held out (better 50), so checkpoints are '
    'not compared; give test_sim and test_real'
)


def check_best_by(metric: str) -> None:
    """Refuse a metric that does not exist, before anything is trained.

    Raises:
        ConfigError: It does not.
    """
    if metric and metric not in HIGHER_IS_BETTER:
        raise ConfigError(
            f"report.best_by: there is no metric {metric!r}; expected '' or one of "
            f'{", ".join(HIGHER_IS_BETTER)}.'
        )


class Recorder:
    """Writes a run down. Every process has one; only the main one touches files.

    Attributes:
        best: The best measurement so far; None = none yet.
    """

    def __init__(
        self,
        config: TrainingConfig,
        folder: RunFolder,
        processes: Processes,
        state: TrainingState,
        data: TrainingData,
        schedule: Schedule,
        watch: Watch,
        progress: Progress,
        facts: CheckpointFacts,
    ) -> None:
        """Open the log behind the checkpoint that the run goes on from.

        Args:
            config: Of the run.
            folder: Of the run.
            processes: That train it.
            state: What is trained.
            data: Whose held-out images are looked at.
            schedule: In steps.
            watch: Over divergence and collapse.
            progress: Told everything.
            facts: Of that checkpoint; of a new run, those of step 0.
        """
        self.best = facts.best
        self._folder, self._config, self._data, self._state = folder, config, data, state
        self._processes, self._schedule, self._watch = processes, schedule, watch
        self._progress = progress
        self._clock = StepClock(facts.step, facts.elapsed_s)
        self._metrics: dict[str, float] = {}
        self._measurement: Measurement | None = None
        self._told: set[str] = set()
        self._warm_up = ''
        self._log: MetricsLog | None = None
        if processes.is_main:
            root = folder.folder
            self._log = MetricsLog(root / METRICS, root / TENSORBOARD, step=facts.step)
            if not self._log.has_tensorboard:
                self.note('Nothing is written for TensorBoard: its package is not installed.')

    def note(self, text: str) -> None:
        """Tell the user something, now and in ``run.log``."""
        if self._processes.is_main:
            self._folder.note(text)
            self._progress.note(text)

    def after_step(self, step: int, losses: Mapping[str, torch.Tensor], stop: Reason = '') -> None:
        """Do what is due after a step; waits for the device only where something is.

        Args:
            step: Number of steps taken.
            losses: Of this step, on the device.
            stop: Why the run ends with this step though it is not its last; '' = it goes on.
        """
        report, is_last = self._config.report, step >= self._schedule.total_steps
        # A run that is cut off for its time is a result; one that is interrupted goes on later.
        is_result = is_last or stop == 'time'
        self._state.losses.add(losses)
        self._watch.saw(step, losses)
        self._metrics = {}
        improved = False
        if is_last or step % report.log_interval == 0:
            self._write_losses(step)
        draw = is_result or step % report.sample_interval == 0
        measure = is_result or _is_due(step, report.evaluation_interval)
        keep = is_last or bool(stop) or step % report.checkpoint_interval == 0
        self._tell_warm_up()
        doing = f'measuring at step {step} ...' if measure else ''
        with self._clock.paused(), self._progress.paused(doing):
            if draw or measure or keep:
                # Nothing is shown, measured or kept of weights that are no numbers.
                self._watch.check(step, self._state.method.networks)
            if draw and self._processes.is_main:
                self._write_samples(step)
            if measure:
                improved = self._processes.any(self._processes.is_main and self._evaluate(step))
            elif draw and self._processes.is_main:
                self._look(step)
            if keep or improved:
                self._write_checkpoint(step, stop)
        self._progress.advance(step)

    def _tell_warm_up(self) -> None:
        doing = self._state.method.warm_up
        if doing != self._warm_up:
            self.note(f'warming up: {doing}' if doing else 'warmed up: training proper begins')
            self._warm_up = doing

    def _write_losses(self, step: int) -> None:
        self._watch.check(step)
        means = self._state.losses.take_means(self._processes.fabric)
        if not self._processes.is_main:
            return
        for warning in self._watch.warnings_of_losses(means):
            self.note(warning)
        rates = {
            name: float(optimiser.param_groups[0]['lr'])
            for name, optimiser in self._state.method.optimisers.items()
        }
        images = self._config.batch_size * self._processes.fabric.world_size
        line = {
            'epoch': round(self._schedule.epoch(step), 4),
            'losses': means,
            'learning_rates': rates,
            'elapsed_s': round(self._clock.elapsed_s, 1),
            'images_per_s': round(images * self._clock.steps_per_s(step), 2),
        }
        device = self._processes.fabric.device
        if device.type == 'cuda':
            line['memory_mb'] = torch.cuda.max_memory_allocated(device) // 2**20
        self._write('train', step, line)

    def _write_samples(self, step: int) -> None:
        data, state, count = self._data, self._state, self._config.report.samples
        frames = sample_frames(data.held_out_sim, data.held_out_real, count)
        with state.averaged():
            pictures = draw_samples(state.method, state.stepper, frames)
        path = self._folder.folder / SAMPLES / f'step_{step:08}.png'
        sheet = write_sample_sheet(path, pictures)
        assert self._log is not None
        self._log.write_image('samples', step, sheet)

    def _look(self, step: int) -> None:
        """Watch over the diversity between two measurements, too."""
        measurement = self._measurement_of_run()
        self._warn_of(step, measurement.watched(self._state.exported_generator()))

    def _evaluate(self, step: int) -> bool:
        """Measure the generator; return whether it is the best so far."""
        measurement = self._measurement_of_run()
        self._metrics = metrics = measurement(self._state.exported_generator())
        self._tell_once(measurement.notes)
        if metrics:
            self._write('evaluation', step, metrics)
        else:
            self._tell_once((_NOT_MEASURABLE,))
        self._warn_of(step, metrics)
        if self._state.method.warm_up:
            return False
        name = self._config.report.best_by
        value = metrics.get(name)
        if value is None or value != value:  # NaN is no number.
            return False
        if self.best is not None and self.best.metric == name:
            sign = 1 if HIGHER_IS_BETTER[name] else -1
            if sign * value <= sign * self.best.value:
                return False
        self.best = Best(step, name, value)
        return True

    def _measurement_of_run(self) -> Measurement:
        if self._measurement is None:
            config = self._config
            self._measurement = Measurement(
                self._data.held_out_sim,
                self._data.held_out_real,
                images=config.report.evaluation_images,
                seed=config.seed,
                device=self._processes.fabric.device,
                batch_size=_images_at_once(self._data.held_out_sim),
                paired=self._state.method.batch_kind == 'paired',
                autocast=self._state.stepper.autocast,
            )
            self._tell_once(self._measurement.notes)
        return self._measurement

    def _tell_once(self, notes: Sequence[str]) -> None:
        for text in notes:
            if text not in self._told:
                self.note(text)
        self._told.update(notes)

    def _warn_of(self, step: int, metrics: Mapping[str, float]) -> None:
        for warning in self._watch.warnings_of_metrics(step, metrics):
            self.note(warning)

    def _write(self, kind: str, step: int, values: Mapping[str, Any]) -> None:
        assert self._log is not None
        self._log.write(kind, step, values)
        self._progress.log(kind, step, values)

    def _write_checkpoint(self, step: int, stop: Reason) -> None:
        tensors = self._state.tensors()
        tensors |= self._processes.gather(self._state.own_tensors())
        if not self._processes.is_main:
            return
        facts = CheckpointFacts(
            step=step,
            config_sha256=config_sha256(self._config),
            processes=self._processes.fabric.world_size,
            metrics=self._metrics,
            best=self.best,
            elapsed_s=self._clock.elapsed_s,
            loss_counts=self._state.losses.counts,
            scaler=self._state.scaler_state(),
            watch=self._watch.memory(),
        )
        assert self._log is not None
        # First the lines: a checkpoint promises that all of them up to its step are there.
        self._log.flush()
        save_checkpoint(self._folder.checkpoints, facts, tensors)
        self._folder.write_state(step, self._schedule.total_steps, stop, self.best)
        self._folder.remove_checkpoints_except(self._worth_keeping(step))

    def _worth_keeping(self, step: int) -> set[int]:
        done = [each for each in checkpoint_steps(self._folder.checkpoints) if each <= step]
        best = {self.best.step} if self.best else set()
        return {*done[-self._config.report.keep_last :], *best}

    def __enter__(self) -> 'Recorder':
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the log."""
        if self._log is not None:
            self._log.close()


def _images_at_once(images: Sequence[npt.NDArray[np.uint8]]) -> int:
    """Choose how many whole images to translate at once, so that they fit where crops do."""
    if not images:
        return 1
    height, width = images[0].shape[:2]
    return max(1, min(8, int(_PIXELS_AT_ONCE // (height * width))))


def _is_due(step: int, interval: int) -> bool:
    return interval > 0 and step % interval == 0
