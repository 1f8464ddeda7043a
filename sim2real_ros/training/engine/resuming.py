"""Resuming: find the checkpoint to go on from, and refuse what would not be the same run."""

import shlex
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from sim2real_ros.errors import TrainingError
from sim2real_ros.training.engine.checkpoint import (
    CheckpointFacts,
    checkpoint_path,
    checkpoint_steps,
    load_tensors,
    read_facts,
)
from sim2real_ros.training.engine.configuration import changed_keys, with_absolute_paths
from sim2real_ros.training.engine.processes import Processes
from sim2real_ros.training.engine.progress import Progress
from sim2real_ros.training.engine.run_folder import RunFolder
from sim2real_ros.training.engine.training_state import TrainingState
from sim2real_ros.training.options import DataOptions, TrainingConfig

FREE_KEYS = frozenset(
    {
        *('schedule.constant', 'schedule.decay', 'schedule.max_minutes', 'precision'),
        *('optimiser.learning_rate', 'discriminator_optimiser.learning_rate'),
        *('data.root', 'data.sim', 'data.real', 'data.test_sim', 'data.test_real', 'data.masks'),
        *('data.cache', 'data.cache_folder', 'data.workers', 'extra_losses.region_mask'),
    }
)
"""What a resumed run may change, besides what it writes down: how long it is, where its data lies
(other data is noticed by its description), and what helps one that has diverged."""

_FREE_SECTION = 'report.'


def check_same_run(before: TrainingConfig, after: TrainingConfig) -> None:
    """Refuse a configuration under which earlier steps would have been different.

    Raises:
        TrainingError: Names the keys.
    """
    keys = changed_keys(_comparable(before, after), _comparable(after, before))
    changed = [k for k in keys if k not in FREE_KEYS and not k.startswith(_FREE_SECTION)]
    if changed:
        raise TrainingError(
            f'A run cannot go on with another {", ".join(changed)}: its first steps would not fit '
            'the rest. Start a new run with the changed configuration, or resume without the '
            'change.'
        )


def _comparable(config: TrainingConfig, other: TrainingConfig) -> TrainingConfig:
    """Write out what is meant where the other one does, as the same in other words is the same."""
    judges = config.discriminator_optimiser
    if other.discriminator_optimiser:
        judges = judges or config.optimiser
    return with_absolute_paths(replace(config, discriminator_optimiser=judges))


def check_same_data(before: Mapping[str, Any], after: Mapping[str, Any]) -> None:
    """Refuse data with other files than the run began with; it may lie elsewhere.

    Args:
        before: Description of the data, of an earlier start; {} = unknown.
        after: Of this one.

    Raises:
        TrainingError: A list of files differs.
    """
    for domain in ('sim', 'real'):
        old, new = before.get(domain), after.get(domain)
        if not isinstance(old, Mapping) or not isinstance(new, Mapping):
            continue
        if old.get('listing_sha256') != new.get('listing_sha256'):
            raise TrainingError(
                f'The {domain} images are not those that the run began with: {new.get("images")} '
                f'in {new.get("folder")!r}, then {old.get("images")} in {old.get("folder")!r}. '
                'Restore them, or start a new run.'
            )


def moved_data_hint(data: DataOptions, run: Path) -> str:
    """Tell how to go on if a run's data lies elsewhere now; '' = its folders are there."""
    options = {'data': data.root, 'sim': data.sim, 'real': data.real}
    gone = [name for name, folder in options.items() if folder and not Path(folder).is_dir()]
    if not gone:
        return ''
    moved = ' '.join(f'--{name} FOLDER' for name in gone)
    return f'if it moved: sim2real train --resume {shlex.quote(str(run))} {moved}'


def restore(
    state: TrainingState, folder: RunFolder, processes: Processes, progress: Progress
) -> CheckpointFacts:
    """Load the newest checkpoint that is intact.

    Returns:
        What it says about itself; where there is no checkpoint yet, step 0.

    Raises:
        TrainingError: There are checkpoints, but none is intact; or another number of processes
            trains now.
    """
    if processes.is_main:
        found = _load_newest(state, folder, progress)
        processes.from_main(found.step)
    else:
        found = CheckpointFacts(processes.from_main(0))
        if found.step:
            found = _load(state, folder, found.step)
    if found.step and found.processes != processes.fabric.world_size:
        raise TrainingError(
            f'The run was trained by {found.processes} process(es), now there are '
            f'{processes.fabric.world_size}: the batch of a step would be another. Resume with '
            f'--devices {found.processes}, or start a new run.'
        )
    return found


def _load_newest(state: TrainingState, folder: RunFolder, progress: Progress) -> CheckpointFacts:
    steps = checkpoint_steps(folder.checkpoints)
    problem: TrainingError | None = None
    for step in reversed(steps):
        try:
            found = _load(state, folder, step)
        except TrainingError as error:
            problem = problem or error
            text = f'Passed over a checkpoint: {error}'
            folder.note(text)
            progress.note(text)
        else:
            return found
    if problem is not None:
        raise TrainingError(f'None of {len(steps)} checkpoints is intact. {problem}') from problem
    text = 'There is no checkpoint yet: the run begins anew.'
    folder.note(text)
    progress.note(text)
    return CheckpointFacts(0)


def _load(state: TrainingState, folder: RunFolder, step: int) -> CheckpointFacts:
    path = checkpoint_path(folder.checkpoints, step)
    facts = read_facts(path).facts
    if facts.processes == state.processes:
        state.load(load_tensors(path), facts.loss_counts, facts.scaler)
    return replace(facts, step=step)
