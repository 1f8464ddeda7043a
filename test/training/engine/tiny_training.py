"""A method and data of toy size, and ways to train them in processes of their own."""

import json
import multiprocessing
import os
import socket
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from torch import nn

from sim2real_ros.errors import Sim2RealError
from sim2real_ros.training.batches.batch import Batch
from sim2real_ros.training.engine import loop, recorder
from sim2real_ros.training.engine.checkpoint import load_tensors
from sim2real_ros.training.engine.metrics_log import TIME_FIELDS, read_metrics
from sim2real_ros.training.engine.progress import Silent
from sim2real_ros.training.methods import METHODS
from sim2real_ros.training.methods.method import Method
from sim2real_ros.training.options import ReportOptions, ScheduleOptions, TrainingConfig
from sim2real_ros.training.pools.image_pool import ImagePool

SIZE_PX = 8


@dataclass(frozen=True)
class TinyConfig(TrainingConfig):
    method: str = 'tiny'
    precision: str = 'fp32'  # Not what this machine does best: results are compared.
    pool_size: int = 3
    dropout: float = 0.5
    ema_decay: float = 0.9
    schedule: ScheduleOptions = field(
        default_factory=lambda: ScheduleOptions(unit='steps', constant=6, decay=6)
    )
    report: ReportOptions = field(
        default_factory=lambda: ReportOptions(
            log_interval=2,
            sample_interval=5,
            samples=2,
            evaluation_interval=4,
            checkpoint_interval=3,
        )
    )


class TinyMethod(Method):
    """An adversarial method with everything that a resumed run must get right."""

    Config = TinyConfig

    def __init__(self, config):
        self.config = config
        generator = nn.Sequential(
            nn.Conv2d(3, 4, 3, padding=1), nn.BatchNorm2d(4), nn.Dropout(config.dropout),
            nn.Conv2d(4, 3, 3, padding=1), nn.Tanh(),
        )  # fmt: skip
        self.networks = nn.ModuleDict({'g': generator, 'd': nn.Conv2d(3, 1, 4, stride=2)})
        self.optimisers = {
            'generator': self._adam([self.networks['g']]),
            'discriminator': self._adam([self.networks['d']]),
        }
        self.pool = ImagePool(config.pool_size)

    def step(self, batch, stepper):
        with stepper.autocast():
            fake = self.networks['g'](batch.sim)
            fooled = (self.networks['d'](fake) - 1).square().mean()
        stepper.update('generator', fooled)
        with stepper.autocast():
            old = self.pool.query(fake)
            judged = self.networks['d'](old).square().mean()
            judged = judged + (self.networks['d'](batch.real) - 1).square().mean()
        stepper.update('discriminator', judged)
        losses = {'adversarial': fooled.detach(), 'discriminator': judged.detach()}
        if self.step_count % 3 == 0:
            losses['sometimes'] = fooled.detach() * 2
        return losses

    def generator(self):
        return self.networks['g']

    def state(self):
        return self.pool.state()

    def load_state(self, state):
        self.pool.load_state(state)


class TinyData:
    """Random images; the sample's number decides them."""

    def __init__(
        self,
        options,
        kind,
        batch_size,
        seed,
        *,
        size_multiple,
        size_advice=None,
        classes=0,
        progress=None,
    ):
        self.batch_size, self.seed = batch_size, seed
        self.images_per_epoch = 5
        self.held_out_sim = [self.image(1000 + i) for i in range(3)]
        self.held_out_real = [self.image(2000 + i) for i in range(3)]
        self.skipped = []
        self.description = {name: {'listing_sha256': options.root} for name in ('sim', 'real')}

    def image(self, number):
        random = np.random.default_rng([self.seed, number])
        return random.integers(0, 256, (SIZE_PX, SIZE_PX, 3), dtype=np.uint8)

    def batch(self, step, rank=0, world_size=1):
        first = (step * world_size + rank) * self.batch_size
        numbers = range(first, first + self.batch_size)
        images = [np.stack([self.image(10 * n + k) for n in numbers]) for k in (0, 1)]
        tensors = [torch.from_numpy(each).permute(0, 3, 1, 2) / 127.5 - 1 for each in images]
        return Batch(*tensors)

    def prefetched(self, first_step, last_step, rank=0, world_size=1, device='cpu'):
        return (self.batch(step, rank, world_size) for step in range(first_step, last_step))


class TinyMeasurement:
    """In place of KID: a number that the weights decide."""

    notes = ()

    def __init__(self, *_, **__):
        pass

    def __call__(self, generator):
        total = sum(p.double().abs().sum() for p in generator.parameters())
        return {'kid': float(total) % 0.1, 'kid_before': 1.0}

    def watched(self, generator):
        return {}


class Notes(Silent):
    """Keeps what the user is told."""

    def __init__(self):
        self.texts = []

    def note(self, text):
        self.texts.append(text)


def install(monkeypatch=None):
    """Make `train` know the method, and use the data and the measurement."""
    changes = [(loop, 'open_training_data', TinyData), (recorder, 'Measurement', TinyMeasurement)]
    for owner, name, value in changes:
        if monkeypatch:
            monkeypatch.setattr(owner, name, value)
        else:
            setattr(owner, name, value)
    if monkeypatch:
        monkeypatch.setitem(METHODS, 'tiny', TinyMethod)
    METHODS['tiny'] = TinyMethod


@contextmanager
def one_thread():
    """Results are compared bit for bit, and more threads would only wait for each other."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def with_report(config, **changes):
    return replace(config, report=replace(config.report, **changes))


def lines_without_time(folder):
    return [
        {key: value for key, value in line.items() if key not in TIME_FIELDS}
        for line in read_metrics(folder / 'metrics.jsonl')
    ]


def assert_same_result(one, other):
    """Compare two runs bit for bit: all checkpoints, all lines, all samples."""
    for pattern in ('checkpoints/*', 'samples/*'):
        names = [sorted(p.name for p in folder.glob(pattern)) for folder in (one, other)]
        assert names[0] == names[1]
        assert names[0]
    for path in (one / 'checkpoints').iterdir():
        mine, theirs = load_tensors(path), load_tensors(other / 'checkpoints' / path.name)
        assert set(mine) == set(theirs)
        differing = [name for name in mine if not torch.equal(mine[name], theirs[name])]
        assert differing == [], path.name
    assert lines_without_time(one) == lines_without_time(other)
    for path in (one / 'samples').iterdir():
        assert path.read_bytes() == (other / 'samples' / path.name).read_bytes()


def processes():
    """Return a maker of processes that have imported everything and computed nothing."""
    context = multiprocessing.get_context('forkserver')
    # This very module cannot be among them: Python 3.11 does not give them our path.
    context.set_forkserver_preload([loop.__name__, 'torch.utils.tensorboard'])
    return context


def train_here(config, folder, environment=None, before=None, **options):
    """The body of such a process: one thread, as in the process that it is compared with."""
    os.environ.update(environment or {})
    torch.set_num_threads(1)
    install()
    if before is not None:
        before()
    end = folder / f'end{os.environ.get("RANK", "")}.json'
    try:
        done = loop.train(config, folder, machine=loop.Machine('cpu'), **options)
        end.write_text(json.dumps(done.stopped_by))
    except Sim2RealError as error:
        end.write_text(json.dumps(str(error)))
        raise SystemExit(1) from error


def environments_of_torchrun(count):
    """Return what torchrun sets for each of several processes on this machine."""
    with socket.socket() as found:
        found.bind(('127.0.0.1', 0))
        port = found.getsockname()[1]
    everywhere = {
        'TORCHELASTIC_RUN_ID': 'test', 'MASTER_ADDR': '127.0.0.1', 'MASTER_PORT': str(port),
        'WORLD_SIZE': str(count), 'LOCAL_WORLD_SIZE': str(count), 'GROUP_WORLD_SIZE': '1',
        'GROUP_RANK': '0', 'ROLE_RANK': '0', 'GLOO_SOCKET_IFNAME': 'lo',
    }  # fmt: skip
    return [{**everywhere, 'RANK': str(i), 'LOCAL_RANK': str(i)} for i in range(count)]
