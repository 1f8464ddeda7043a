"""The training loop, to be read from top to bottom."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import torch

from sim2real_ros.data.frame import Skipped
from sim2real_ros.errors import DataError
from sim2real_ros.training.batches import Batch, TrainingData, open_training_data
from sim2real_ros.training.engine.checkpoint import CheckpointFacts
from sim2real_ros.training.engine.configuration import with_absolute_paths
from sim2real_ros.training.engine.environment import (
    describe_environment,
    device_name,
    last_precision,
)
from sim2real_ros.training.engine.interruption import Interruption, Reason
from sim2real_ros.training.engine.numerics import memory_errors, seed_step, settings_for
from sim2real_ros.training.engine.processes import (
    Machine,
    Precision,
    Processes,
    launched,
    make_fabric,
)
from sim2real_ros.training.engine.progress import Progress, Silent
from sim2real_ros.training.engine.recorder import Recorder, check_best_by
from sim2real_ros.training.engine.region_notes import region_notes
from sim2real_ros.training.engine.resuming import (
    check_same_data,
    check_same_run,
    moved_data_hint,
    restore,
)
from sim2real_ros.training.engine.run import Run, open_run, unseen_run
from sim2real_ros.training.engine.run_folder import RunFolder
from sim2real_ros.training.engine.schedule import Schedule
from sim2real_ros.training.engine.training_state import TrainingState, build_method
from sim2real_ros.training.engine.watch import Watch
from sim2real_ros.training.methods.method import Method
from sim2real_ros.training.options import TrainingConfig


def train(
    config: TrainingConfig,
    folder: str | Path,
    *,
    resume: bool = False,
    force: bool = False,
    machine: Machine | None = None,
    progress: Progress | None = None,
) -> Run:
    """Train a generator, or go on doing so.

    It may be killed at any moment: with ``resume`` it goes on from its last checkpoint, and on a
    CPU the result is the same to the last bit. SIGINT and SIGTERM end it after the current step
    with a checkpoint.

    Args:
        config: What to train; of a resumed run it may differ from the run's own in what does not
            change its past, such as a longer schedule.
        folder: Of the run: a new or empty one, unless it is resumed.
        resume: Go on with the run in the folder.
        force: Replace an earlier run in the folder.
        machine: On what to train; None = one device, a GPU where there is one.
        progress: Gets the news.

    Returns:
        The run, with the reason if it stopped before its end.

    Raises:
        ConfigError: The configuration does not make sense.
        DataError: The data cannot be read, or the disk refuses.
        TrainingError: The folder is in use or damaged, memory ran out, or training diverged; the
            checkpoints that were written until then are intact.
    """
    check_best_by(config.report.best_by)
    config = with_absolute_paths(config)
    files = RunFolder(Path(folder))
    machine = machine or Machine()
    fabric, precision = make_fabric(machine, config.precision)
    if resume:
        check_same_run(files.read_config(), config)
    elif fabric.is_global_zero:
        files.check_new(force=force)
    settings = settings_for(fabric.device, machine.threads)
    with launched(fabric) as processes, files, settings, memory_errors(config):
        news = progress if progress and processes.is_main else Silent()
        if processes.is_main:
            files.lock()
        stop = _train(config, files, processes, precision, news, resume=resume)
        if processes.is_main:
            return replace(open_run(files.folder), stopped_by=stop)
        return unseen_run(files.folder, config, stop)


def _train(
    config: TrainingConfig,
    files: RunFolder,
    processes: Processes,
    precision: Precision,
    progress: Progress,
    *,
    resume: bool,
) -> Reason:
    fabric = processes.fabric
    torch.manual_seed(config.seed)
    method = build_method(config)
    try:
        data = _open_data(config, method, progress)
    except DataError as error:
        hint = moved_data_hint(config.data, files.folder) if resume else ''
        if not hint:
            raise
        raise DataError(f'{error} {hint[0].upper()}{hint[1:]}.') from error
    state = TrainingState(method, fabric)
    begin = _go_on if resume else _begin
    facts = begin(config, files, processes, state, data, progress)
    images_per_step = config.batch_size * fabric.world_size
    schedule = Schedule.of(config.schedule, data.images_per_epoch, images_per_step)
    watch = Watch(config, precision, facts.watch)
    recorder = Recorder(config, files, processes, state, data, schedule, watch, progress, facts)
    _tell_start(config, recorder, files, processes, precision, data, facts)
    known = len(data.skipped)
    _tell_skipped(recorder, data.skipped)
    if facts.step >= schedule.total_steps:
        recorder.note('nothing is left to do: a longer schedule would go on from here')
    progress.begin(facts.step, schedule.total_steps, images_per_step)
    batches = data.prefetched(
        facts.step, schedule.total_steps, fabric.global_rank, fabric.world_size, fabric.device
    )
    stop: Reason = ''
    with recorder, _closed(batches), Interruption(config.schedule.max_minutes) as interruption:
        for step, batch in enumerate(batches, facts.step):
            state.set_learning_rates(schedule.factor(step))
            seed_step(config.seed, step, fabric.global_rank)
            method.step_count = step
            losses = method.step(batch, state.stepper)
            state.update_average(step + 1)
            stop = processes.agree(interruption.reason)
            recorder.after_step(step + 1, losses, stop)
            if stop:
                break
        # Without a cache, unreadable images are found when their turn comes.
        _tell_skipped(recorder, data.skipped, known)
    return stop


def _open_data(config: TrainingConfig, method: Method, progress: Progress) -> TrainingData:
    extra, generator = config.extra_losses, method.generator()
    return open_training_data(
        config.data,
        method.batch_kind,
        config.batch_size,
        config.seed,
        size_multiple=int(getattr(generator, 'size_multiple', 4)),
        size_advice=getattr(generator, 'size_advice', None),
        classes=extra.semantic_classes if extra.semantic_weight else 0,
        progress=progress.prepare,
    )


def _begin(
    config: TrainingConfig,
    files: RunFolder,
    processes: Processes,
    _state: TrainingState,
    data: TrainingData,
    _progress: Progress,
) -> CheckpointFacts:
    """Write down what the run is, once all of it is known to work."""
    if processes.is_main:
        files.begin(config)
        files.write_data(data.description)
    return CheckpointFacts(0)


def _go_on(
    config: TrainingConfig,
    files: RunFolder,
    processes: Processes,
    state: TrainingState,
    data: TrainingData,
    progress: Progress,
) -> CheckpointFacts:
    """Load the newest checkpoint that is intact."""
    before = files.read_data()
    check_same_data(before, data.description)
    facts = restore(state, files, processes, progress)
    if processes.is_main:
        files.go_on(config)
        if not before:
            files.write_data(data.description)
    return facts


def _tell_start(
    config: TrainingConfig,
    recorder: Recorder,
    files: RunFolder,
    processes: Processes,
    precision: Precision,
    data: TrainingData,
    facts: CheckpointFacts,
) -> None:
    if not processes.is_main:
        return
    fabric = processes.fabric
    before = last_precision(files.starts())
    files.add_start(describe_environment(fabric, precision, facts.step))
    several = f', {fabric.world_size} processes' if fabric.world_size > 1 else ''
    recorder.note(f'training on {device_name(fabric.device)}{several}, {precision}')
    if facts.step:
        recorder.note(f'going on behind step {facts.step}')
        if before not in ('', precision):
            recorder.note(f'until now it was {before}: results differ a little from here on')
    for note in (*data.description.get('notes', ()), *region_notes(config)):
        recorder.note(str(note))


def _tell_skipped(recorder: Recorder, skipped: Sequence[Skipped], known: int = 0) -> None:
    """Tell what is left out, if that is more than was known before."""
    if len(skipped) > known:
        first = skipped[0]
        recorder.note(
            f'left out {len(skipped)} unreadable image(s), such as {first.where}: {first.reason}'
        )


@contextmanager
def _closed(batches: Iterator[Batch]) -> Iterator[None]:
    """End the threads that prepare batches, whatever happens."""
    try:
        yield
    finally:
        close = getattr(batches, 'close', None)
        if close is not None:
            close()
