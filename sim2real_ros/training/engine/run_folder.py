"""RunFolder: the files of a run while it is trained, and the lock that keeps others out."""

import contextlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, TextIO

from sim2real_ros.config import load_yaml_mapping
from sim2real_ros.errors import ConfigError, DataError, TrainingError
from sim2real_ros.files import write_atomically
from sim2real_ros.files.atomic_write import PARTIAL_PREFIX, refusal
from sim2real_ros.training.engine.checkpoint import Best, checkpoint_path, checkpoint_steps
from sim2real_ros.training.engine.configuration import read_config, write_config
from sim2real_ros.training.options import TrainingConfig

CONFIG, ENVIRONMENT, DATA, STATE, METRICS, LOG, LOCK = (
    *('config.yaml', 'environment.json', 'data.json', 'state.json'),
    *('metrics.jsonl', 'run.log', '.lock'),
)
CHECKPOINTS, SAMPLES, TENSORBOARD = 'checkpoints', 'samples', 'tensorboard'

_OWN_FILES = {
    CHECKPOINTS: ('step_*.safetensors', f'{PARTIAL_PREFIX}*'),
    SAMPLES: ('step_*.png', f'{PARTIAL_PREFIX}*'),
    TENSORBOARD: ('events.out.tfevents.*',),
    '.': (ENVIRONMENT, DATA, STATE, METRICS, LOG, f'{PARTIAL_PREFIX}*'),
}
"""What a run writes besides its configuration, by folder: the only files that --force removes."""

try:
    import fcntl
except ImportError:  # Windows: two runs in one folder are not kept apart there.
    fcntl = None  # type: ignore[assignment]


class RunFolder:
    """The folder of one run, for the process that writes it.

    Attributes:
        folder: Where it is.
        config: The file of the configuration.
        checkpoints: The folder of the checkpoints.
    """

    def __init__(self, folder: Path) -> None:
        """Nothing is touched yet."""
        self.folder = folder
        self.config = folder / CONFIG
        self.checkpoints = folder / CHECKPOINTS
        self._lock: TextIO | None = None

    def check_new(self, *, force: bool) -> None:
        """Make sure that a new run may begin here.

        Args:
            force: Whether an earlier run may be replaced.

        Raises:
            DataError: It is a file, holds something else than a run, or cannot be looked at.
            TrainingError: It holds a run, and ``force`` was not given.
        """
        shown = str(self.folder)
        if shown != shown.encode('utf-8', 'ignore').decode():
            raise DataError(f'{shown!r} is no UTF-8: choose another name for the run.')
        try:
            names = [path.name for path in self.folder.iterdir()]
        except FileNotFoundError:
            return
        except NotADirectoryError as error:
            raise DataError(f'{shown!r} is a file; expected a folder for the run.') from error
        except OSError as error:
            raise DataError(f'Cannot look into {shown!r}: {error.strerror}.') from error
        if self._holds_run():
            if not force:
                raise TrainingError(
                    f'{shown!r} holds a run already: continue it (--resume {shown}), replace it '
                    '(--force), or choose another folder.'
                )
        elif any(name != LOCK and not name.startswith(PARTIAL_PREFIX) for name in names):
            raise DataError(
                f'{shown!r} is not empty and holds no run: choose a new folder for the run.'
            )

    def _holds_run(self) -> bool:
        """Tell whether the configuration is ours: other programs have a config.yaml, too."""
        try:
            return self.config.is_file() and 'method' in load_yaml_mapping(self.config)
        except ConfigError:
            return False

    def check_existing(self) -> None:
        """Make sure that there is a run to continue.

        Raises:
            TrainingError: There is none.
        """
        if not self.config.is_file():
            raise TrainingError(
                f'{str(self.folder)!r} holds no run: {CONFIG} is missing. Expected the folder '
                'that `sim2real train -o` was given.'
            )

    def read_config(self) -> TrainingConfig:
        """Read the configuration of the run.

        Raises:
            TrainingError: There is no run.
            ConfigError: It is damaged.
        """
        self.check_existing()
        return read_config(self.config)

    def lock(self) -> None:
        """Keep other processes out until ``close``; make the folder where it is missing.

        Raises:
            TrainingError: Another process trains here.
            DataError: The disk refuses.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            file = (self.folder / LOCK).open('a', encoding='utf-8')
            try:
                if fcntl is not None:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                # Not ours, so it must not be removed at the end either.
                file.close()
                raise
            self._lock = file
        except BlockingIOError as error:
            raise TrainingError(
                f'Another process trains in {str(self.folder)!r}: wait for it, or stop it first.'
            ) from error
        except OSError as error:
            raise DataError(refusal(self.folder, error)) from error

    def begin(self, config: TrainingConfig) -> None:
        """Remove what an earlier run has left, and replace its configuration by the new one.

        The configuration comes last: a folder that has one is a run, whenever this is killed.

        Raises:
            DataError: The disk refuses.
        """
        for name, patterns in _OWN_FILES.items():
            self._remove(name, *patterns)
        write_config(config, self.config)

    def go_on(self, config: TrainingConfig) -> None:
        """Remove half-written files of a killed process, and write the configuration.

        Raises:
            DataError: The disk refuses.
        """
        for name in _OWN_FILES:
            self._remove(name, f'{PARTIAL_PREFIX}*')
        write_config(config, self.config)

    def _remove(self, name: str, *patterns: str) -> None:
        try:
            for pattern in patterns:
                for path in (self.folder / name).glob(pattern):
                    path.unlink()
        except OSError as error:
            raise DataError(refusal(self.folder, error)) from error

    def write_data(self, description: Mapping[str, Any]) -> None:
        """Write what the run is trained on.

        Raises:
            DataError: The disk refuses.
        """
        write_json(self.folder / DATA, description)

    def read_data(self) -> Mapping[str, Any]:
        """Read what ``write_data`` wrote; {} where it cannot be read."""
        return _read_json(self.folder / DATA)

    def starts(self) -> list[Any]:
        """Read with what the run was started, and continued; [] where it cannot be read."""
        # It is there for people, so what cannot be read is no reason to stop.
        starts = _read_json(self.folder / ENVIRONMENT).get('starts')
        return starts if isinstance(starts, list) else []

    def add_start(self, environment: Mapping[str, Any]) -> None:
        """Note with what the run was started, or continued, in ``environment.json``."""
        write_json(self.folder / ENVIRONMENT, {'starts': [*self.starts(), dict(environment)]})

    def write_state(self, step: int, total_steps: int, stop: str, best: Best | None) -> None:
        """Write ``state.json``, a summary for people; it is made anew with every checkpoint.

        Args:
            step: Of the latest checkpoint.
            total_steps: Of the whole run.
            stop: ``signal`` or ``time`` where that ended it, else ''.
            best: The best measurement so far.

        Raises:
            DataError: The disk refuses.
        """
        state = {
            'step': step,
            'total_steps': total_steps,
            'finished': step >= total_steps,
            'stopped_by': stop,
            'latest': checkpoint_path(Path(CHECKPOINTS), step).as_posix(),
            'best': best
            and {
                'checkpoint': checkpoint_path(Path(CHECKPOINTS), best.step).as_posix(),
                **asdict(best),
            },
        }
        write_json(self.folder / STATE, state)

    def note(self, text: str) -> None:
        """Add a line with the time to ``run.log``."""
        now = datetime.now(timezone.utc).isoformat(timespec='seconds')
        try:
            with (self.folder / LOG).open('a', encoding='utf-8', errors='replace') as file:
                file.write(f'{now} {" ".join(text.split())}\n')
        except OSError as error:
            raise DataError(refusal(self.folder / LOG, error)) from error

    def remove_checkpoints_except(self, keep: set[int]) -> None:
        """Remove all checkpoints but those of some steps.

        Raises:
            DataError: The disk refuses.
        """
        for step in set(checkpoint_steps(self.checkpoints)) - keep:
            path = checkpoint_path(self.checkpoints, step)
            try:
                path.unlink(missing_ok=True)
            except OSError as error:
                raise DataError(f'Cannot remove {str(path)!r}: {error.strerror}.') from error

    def __enter__(self) -> 'RunFolder':
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Release the lock, and leave no folder behind that nothing was written to."""
        if self._lock is None:
            return
        with contextlib.suppress(OSError):
            if [path.name for path in self.folder.iterdir()] == [LOCK]:
                (self.folder / LOCK).unlink()
                self.folder.rmdir()
        self._lock.close()
        self._lock = None


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write a JSON file for people and programs.

    Raises:
        DataError: The disk refuses.
    """
    text = json.dumps(content, indent=2, ensure_ascii=False, default=str)
    write_atomically(path, text.encode('utf-8', 'backslashreplace') + b'\n')


def _read_json(path: Path) -> Mapping[str, Any]:
    try:
        content = json.loads(path.read_text('utf-8'))
    except (OSError, ValueError, RecursionError):
        return {}
    return content if isinstance(content, Mapping) else {}
