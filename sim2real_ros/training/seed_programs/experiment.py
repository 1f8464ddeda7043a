"""Experiment: keeps the original programs' files beside a run while it is trained."""

import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

from sim2real_ros.errors import DataError
from sim2real_ros.files import write_atomically
from sim2real_ros.files.atomic_write import refusal
from sim2real_ros.training.engine.run import open_run
from sim2real_ros.training.engine.run_folder import SAMPLES
from sim2real_ros.training.options import TrainingConfig
from sim2real_ros.training.seed_programs.original_files import loss_line, write_weights
from sim2real_ros.training.seed_programs.pages import PageRow, page

Say = Callable[[str], None]

LOSS_LOG = 'loss_log.txt'


class Experiment:
    """Gets the news of a run, and writes what users of the original programs expect.

    ``<epoch>_net_*.pth``, ``latest_net_*.pth``, ``loss_log.txt`` and ``web/index.html``; after
    every checkpoint, and at the end.
    """

    def __init__(
        self, folder: Path, config: TrainingConfig, epochs_kept: int, options: str, say: Say
    ) -> None:
        """Begin with nothing written.

        Args:
            folder: Of the run.
            config: Of the run.
            epochs_kept: Number of epochs between weights that are kept for good.
            options: Content of ``train_opt.txt``.
            say: Shows a line to the user.
        """
        self._folder, self._config, self._say = folder, config, say
        self._epochs_kept, self._options = epochs_kept, options
        self._images_per_step = 1
        self._steps_per_epoch = self._total_steps = 1
        self._published = -1

    def prepare(self, what: str, done: int, total: int) -> None:
        """Say that the data is ready."""
        if done == total:
            self._say(f'{what}: {total} images ready')

    def begin(self, step: int, total_steps: int, images_per_step: int) -> None:
        """Write down the options, and head the log."""
        schedule = self._config.schedule
        self._steps_per_epoch = max(1, total_steps // (schedule.constant + schedule.decay))
        self._total_steps, self._images_per_step = total_steps, images_per_step
        options = self._options.encode('utf-8', 'backslashreplace')
        write_atomically(self._folder / 'train_opt.txt', options)
        now = time.strftime('%c')
        self._append(f'================ Training Loss ({now}) ================')

    def log(self, kind: str, step: int, values: Mapping[str, Any]) -> None:
        """Write a line of losses, or say what was measured."""
        if kind != 'train':
            shown = ', '.join(f'{name} {value}' for name, value in values.items())
            self._say(f'measured after step {step}: {shown}')
            return
        epoch, before = divmod(step - 1, self._steps_per_epoch)
        rate = float(values.get('images_per_s') or 0)
        seconds = 1 / rate if rate else 0.0
        images = (before + 1) * self._images_per_step
        line = loss_line(epoch + 1, images, seconds, values.get('losses', {}))
        self._append(line)
        self._say(line)

    def note(self, text: str) -> None:
        """Pass it on."""
        self._say(text)

    def advance(self, step: int) -> None:
        """Write weights where a checkpoint was due."""
        if step % self._config.report.checkpoint_interval == 0 or step >= self._total_steps:
            self.publish()

    def paused(self, what: str = '') -> AbstractContextManager[None]:
        """Say nothing, as the original programs do."""
        return nullcontext()

    def publish(self) -> None:
        """Write the weights of the newest checkpoint and the page, unless that is done.

        Raises:
            TrainingError: There is no checkpoint.
            DataError: The disk refuses.
        """
        checkpoint = open_run(self._folder).latest
        step = checkpoint.facts.step
        if step == self._published:
            return
        epoch, rest = divmod(step, self._steps_per_epoch)
        labels = ['latest']
        if not rest and (epoch % self._epochs_kept == 0 or step >= self._total_steps):
            labels.append(str(epoch))
        write_weights(self._folder, self._config, checkpoint, labels)
        self._write_page()
        self._published = step
        self._say(f'saved {" and ".join(labels)} (epoch {epoch}, step {step})')

    def _write_page(self) -> None:
        sheets = sorted((self._folder / SAMPLES).glob('step_*.png'), reverse=True)
        rows = [
            PageRow(
                f'step {int(sheet.stem.removeprefix("step_"))}',
                ((sheet.name, f'../{SAMPLES}/{sheet.name}'),),
            )
            for sheet in sheets
        ]
        title = f'Experiment name = {self._folder.name}'
        write_atomically(self._folder / 'web' / 'index.html', page(title, rows, None))

    def _append(self, line: str) -> None:
        path = self._folder / LOSS_LOG
        try:
            with path.open('a', encoding='utf-8') as file:
                file.write(f'{line}\n')
        except OSError as error:
            raise DataError(refusal(path, error)) from error
