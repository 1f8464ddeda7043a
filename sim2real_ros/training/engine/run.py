"""Run: a trained or half trained generator, as its folder tells of it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from torch import nn

from sim2real_ros.errors import TrainingError
from sim2real_ros.training.engine.checkpoint import (
    Checkpoint,
    CheckpointFacts,
    checkpoint_path,
    checkpoint_steps,
    load_tensors,
    read_facts,
)
from sim2real_ros.training.engine.checkpoint_mark import NETWORKS
from sim2real_ros.training.engine.configuration import read_config
from sim2real_ros.training.engine.interruption import Reason
from sim2real_ros.training.engine.run_folder import CHECKPOINTS, RunFolder
from sim2real_ros.training.engine.training_state import (
    AVERAGE,
    build_method,
    load_weights,
    tensors_below,
)
from sim2real_ros.training.options import TrainingConfig

Which = Literal['best', 'latest'] | int


@dataclass(frozen=True)
class Run:
    """A run as it was when it was opened.

    Attributes:
        folder: Where it is.
        config: All of its configuration.
        latest: The newest checkpoint that can be read.
        best: The one with the best measurement; the latest, where nothing was measured or it is
            missing.
        stopped_by: Why ``train`` returned before the end of the schedule; '' of an opened run.
        is_main: Whether this process wrote it; of several that train together one does.
    """

    folder: Path
    config: TrainingConfig
    latest: Checkpoint
    best: Checkpoint
    stopped_by: Reason = ''
    is_main: bool = True

    def checkpoint(self, which: Which) -> Checkpoint:
        """Return one of the checkpoints.

        Args:
            which: ``best``, ``latest``, or the number of steps.

        Raises:
            TrainingError: There is none of this step; the message lists what there is.
        """
        if which == 'best':
            return self.best
        if which == 'latest':
            return self.latest
        steps = checkpoint_steps(self.folder / CHECKPOINTS)
        if which not in steps:
            raise TrainingError(
                f'{str(self.folder)!r} has no checkpoint of step {which!r}; expected best, latest '
                f'or one of {steps}.'
            )
        return read_facts(checkpoint_path(self.folder / CHECKPOINTS, which))


def open_run(folder: str | Path) -> Run:
    """Read what there is of a run; it may be training meanwhile.

    Raises:
        TrainingError: It is no run, or has no checkpoint that can be read.
        ConfigError: Its configuration cannot be read.
    """
    files = RunFolder(Path(folder))
    files.check_existing()
    config = read_config(files.config)
    latest: Checkpoint | None = None
    problem: TrainingError | None = None
    for step in reversed(checkpoint_steps(files.checkpoints)):
        try:
            latest = read_facts(checkpoint_path(files.checkpoints, step))
            break
        except TrainingError as error:
            problem = problem or error
    if latest is None:
        raise TrainingError(
            f'{str(folder)!r} has no checkpoint that can be read'
            + (f': {problem}' if problem else ' yet: let it train longer.')
        )
    return Run(files.folder, config, latest, _best(files.checkpoints, latest))


def unseen_run(folder: Path, config: TrainingConfig, stopped_by: Reason) -> Run:
    """Return what a process knows of a run whose files another one writes."""
    nothing = Checkpoint(folder, CheckpointFacts(0))
    return Run(folder, config, nothing, nothing, stopped_by, is_main=False)


def _best(folder: Path, latest: Checkpoint) -> Checkpoint:
    best = latest.facts.best
    if best is None or best.step == latest.step:
        return latest
    try:
        return read_facts(checkpoint_path(folder, best.step))
    except TrainingError:
        return latest


def load_generator(run: Run | str | Path, which: Which = 'best') -> nn.Module:
    """Build the generator from sim to real, as it is to be exported.

    Args:
        run: The run, or its folder.
        which: ``best``, ``latest``, or the number of steps of a checkpoint.

    Returns:
        The averaged generator where the run keeps an average, else the trained one: on the CPU,
        float32, in evaluation mode, without gradients. (N, 3, H, W) in -1..1 to the same.

    Raises:
        TrainingError: There is no such checkpoint, or it does not fit the configuration.
    """
    run = run if isinstance(run, Run) else open_run(run)
    method = build_method(run.config.without_files())
    # All of it is read, so that the checksum can be compared.
    tensors = load_tensors(run.checkpoint(which).path)
    load_weights(method.networks, tensors_below(NETWORKS, tensors), 'networks')
    generator = method.generator()
    if run.config.ema_decay:
        load_weights(generator, tensors_below(AVERAGE, tensors), 'averaged generator')
    return generator.eval().requires_grad_(False)
