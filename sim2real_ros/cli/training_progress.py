"""Show a training run: one line that changes on a terminal, else a line now and then."""

import shlex
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from sim2real_ros.training.engine.run import Run

INTERVAL_S = {True: 0.25, False: 15.0}
"""Time between reports, by whether there is a terminal."""

_NO_NEARER = (
    'still no nearer to the real frames than the untranslated ones: train longer, or see '
    'docs/training.md'
)


class TrainingProgress:
    """Prints ``cyclegan 1200/20000 6.0 %, 3.4 steps/s, 1 h 32 min left, cycle_sim 1.204, ...``.

    Rich cuts the line at the width of the terminal and keeps notes above it; where it is not
    installed, or there is no terminal, plain lines do.
    """

    def __init__(self, method: str, *, quiet: bool = False, stream: TextIO | None = None) -> None:
        """Print nothing yet.

        Args:
            method: Shown in front.
            quiet: Print nothing at all.
            stream: Where to print; None = standard error.
        """
        self._method, self._quiet = method, quiet
        self._stream = sys.stderr if stream is None else stream
        self._terminal = self._stream.isatty()
        self._live = None if quiet or not self._terminal else _live_line(self._stream)
        self._first, self._total, self._numbers = 0, 0, ''
        self._begun = False
        self._started = self._shown = time.monotonic()

    def prepare(self, what: str, done: int, total: int) -> None:
        """Show how far the preparation of the data has come."""
        if self._is_time() or done == total:
            self._show(f'{what} {done}/{total}')

    def begin(self, step: int, total_steps: int, images_per_step: int) -> None:
        """Start the clock."""
        self._begun, self._first, self._total = True, step, total_steps
        self._started = time.monotonic()

    def advance(self, step: int) -> None:
        """Show a step, if it is time to."""
        if self._is_time() or step == self._total:
            elapsed_s = time.monotonic() - self._started
            line = progress_line(self._method, self._first, step, self._total, elapsed_s)
            self._show(line + self._numbers)

    @contextmanager
    def paused(self, what: str = '') -> Iterator[None]:
        """Leave the time that is spent inside out of rate and time left; show what is done."""
        if what:
            self._show(what)
        before = time.monotonic()
        try:
            yield
        finally:
            self._started += time.monotonic() - before

    def log(self, kind: str, step: int, values: Mapping[str, Any]) -> None:
        """Keep the losses for the line; show measurements at once."""
        if kind == 'train':
            self._numbers = ''.join(f', {k} {v:.3g}' for k, v in values['losses'].items())
        else:
            numbers = ', '.join(f'{name} {value:.4g}' for name, value in values.items())
            self.note(f'step {step}: {numbers}')

    def note(self, text: str) -> None:
        """Show something to keep."""
        if self._quiet:
            return
        if self._live:
            self._live.console.print(text, markup=False, highlight=False)
        else:
            print(text, file=self._stream, flush=True)

    def _is_time(self) -> bool:
        return not self._quiet and time.monotonic() - self._shown >= INTERVAL_S[self._terminal]

    def _show(self, line: str) -> None:
        self._shown = time.monotonic()
        if self._live:
            from rich.text import Text

            self._live.update(Text(line, no_wrap=True, overflow='ellipsis'), refresh=True)
        elif not self._quiet:
            print(line, file=self._stream, flush=True)

    def __enter__(self) -> 'TrainingProgress':
        """Take the line."""
        if self._live:
            self._live.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Leave the last line where it is; say if the run was interrupted before it began."""
        if kind is KeyboardInterrupt and not self._begun:
            self.note('nothing of the run was written yet')
        if self._live:
            self._live.stop()


def progress_line(method: str, first: int, step: int, total: int, elapsed_s: float) -> str:
    """Describe how far a run has come, that began with step ``first`` so long ago."""
    line = f'{method} {step}/{total} {100 * step / max(total, 1):.1f} %'
    rate = (step - first) / elapsed_s if elapsed_s > 0 else 0.0
    if rate <= 0:
        return line
    line += f', {rate:.3g} steps/s'
    return line + (f', {duration((total - step) / rate)} left' if step < total else '')


def duration(seconds: float) -> str:
    """Describe a time in two units at most: ``1 h 32 min``."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f'{hours} h {minutes} min'
    return f'{minutes} min {rest} s' if minutes else f'{rest} s'


def describe_end(run: 'Run') -> list[str]:
    """Say where the results of a run are, and what can be done with them."""
    folder, best = shlex.quote(str(run.folder)), run.best.facts.best
    why = {'': 'finished', 'time': 'time is over', 'signal': 'stopped'}[run.stopped_by]
    measured, hint = '', []
    if best and best.step == run.best.step:
        measured = f' ({best.metric} {best.value:.4g}'
        before = run.best.facts.metrics.get(f'{best.metric}_before')
        measured += ')' if before is None else f', {before:.4g} without translation)'
        if best.metric == 'kid' and before is not None and best.value >= before:
            hint = [_NO_NEARER]
    go_on = [f'go on:            sim2real train --resume {folder}'] if run.stopped_by else []
    return [
        f'{why} after step {run.latest.step}',
        f'best checkpoint:  {run.best.path}{measured}',
        f'sample sheets:    {run.folder / "samples"}',
        *go_on,
        *hint,
        f'export it:        sim2real export {folder} -o {shlex.quote(run.folder.name)}.onnx',
    ]


def _live_line(stream: TextIO) -> Any:
    try:
        from rich.console import Console
        from rich.live import Live
    except ImportError:
        return None
    return Live(console=Console(file=stream), auto_refresh=False)
