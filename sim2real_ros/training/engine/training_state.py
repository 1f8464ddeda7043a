"""TrainingState: everything that changes while a method trains, to and from a checkpoint."""

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext

import torch
from lightning_fabric import Fabric
from torch import nn
from torch.optim import Optimizer

from sim2real_ros.errors import Sim2RealError, TrainingError
from sim2real_ros.training.engine.checkpoint import Tensors
from sim2real_ros.training.engine.checkpoint_mark import NETWORKS
from sim2real_ros.training.engine.loss_sums import LossSums
from sim2real_ros.training.engine.weight_average import WeightAverage
from sim2real_ros.training.methods import METHODS
from sim2real_ros.training.methods.method import Method
from sim2real_ros.training.options import TrainingConfig
from sim2real_ros.training.stepper import Stepper

AVERAGE, OPTIMISERS, METHOD, LOSSES = 'average.', 'optimisers.', 'method.', 'losses.'
"""Beginnings of the names of the other tensors in a checkpoint."""


def build_method(config: TrainingConfig) -> Method:
    """Build a method on the CPU, with new weights.

    Raises:
        ConfigError: The configuration does not make sense to it.
    """
    return METHODS[config.method](config)  # type: ignore[call-arg]


class TrainingState:
    """A method on its device, with all that a resumed run needs besides.

    Attributes:
        method: Its networks are on the device.
        stepper: Of its optimisers.
        average: Of the generator's weights; None = not wanted.
        losses: Sums since the last line of the log.
    """

    def __init__(self, method: Method, fabric: Fabric) -> None:
        """Bring a new method to the device, with equal weights in all processes."""
        method.networks.to(fabric.device)
        if fabric.device.type == 'cuda':
            # On a CPU the order of axes that images come in is the faster one.
            method.networks.to(memory_format=torch.channels_last)
        share_weights(method.networks, fabric)
        self.method = method
        self.stepper = Stepper(fabric, method.optimisers)
        config = method.config
        self.average: WeightAverage | None = None
        if config.ema_decay:
            generator = method.generator()
            self.average = WeightAverage(generator, config.ema_decay, config.ema_start)
        self.losses = LossSums()
        self._fabric = fabric
        self._rates = [
            (optimiser, [float(group['lr']) for group in optimiser.param_groups])
            for optimiser in method.optimisers.values()
        ]

    def exported_generator(self) -> nn.Module:
        """Return the generator as it would be exported: averaged, where an average is kept."""
        return self.average.network if self.average else self.method.generator()

    @property
    def processes(self) -> int:
        """Number of processes that train together."""
        return int(self._fabric.world_size)

    def set_learning_rates(self, factor: float) -> None:
        """Multiply the configured learning rates by the factor of the schedule."""
        for optimiser, rates in self._rates:
            for group, rate in zip(optimiser.param_groups, rates, strict=True):
                group['lr'] = rate * factor

    def update_average(self, steps: int) -> None:
        """Take the weights after so many steps into the average, where one is kept."""
        if self.average:
            self.average.update(steps)

    def averaged(self) -> AbstractContextManager[None]:
        """Let the method show for a while what the exported generator does."""
        return self.average.swapped_in() if self.average else nullcontext()

    def tensors(self) -> Tensors:
        """Return everything, by name, on the device; of this process alone what is its own."""
        result = {f'{NETWORKS}{k}': v for k, v in self.method.networks.state_dict().items()}
        if self.average:
            result |= {f'{AVERAGE}{k}': v for k, v in self.average.network.state_dict().items()}
        for name, optimiser in self.method.optimisers.items():
            result |= _optimiser_tensors(f'{OPTIMISERS}{name}.', optimiser)
        return {**result, **self.own_tensors()}

    def own_tensors(self) -> Tensors:
        """Return what differs between processes: image pools and loss sums."""
        prefix = self._own_prefix()
        result = {f'{METHOD}{prefix}{k}': v for k, v in self.method.state().items()}
        sums = self.losses.sums()
        return {**result, **{f'{LOSSES}{prefix}{k}': v for k, v in sums.items()}}

    def scaler_state(self) -> dict[str, float]:
        """Return the state of the scaler of fp16; {} for other precisions."""
        precision = self._fabric._precision.state_dict()
        return {name: float(value) for name, value in precision.items()}

    def load(
        self,
        tensors: Mapping[str, torch.Tensor],
        loss_counts: Mapping[str, int],
        scaler: Mapping[str, float],
    ) -> None:
        """Take over everything that a checkpoint holds.

        Args:
            tensors: Of the checkpoint, on the CPU.
            loss_counts: Of its facts.
            scaler: Of its facts.

        Raises:
            TrainingError: Names, shapes or types are not those of this configuration.
        """
        load_weights(self.method.networks, tensors_below(NETWORKS, tensors), 'networks')
        if self.average:
            averaged = tensors_below(AVERAGE, tensors)
            load_weights(self.average.network, averaged, 'averaged generator')
        for name, optimiser in self.method.optimisers.items():
            _load_optimiser(optimiser, tensors_below(f'{OPTIMISERS}{name}.', tensors), name)
        prefix = self._own_prefix()
        try:
            self.method.load_state(tensors_below(f'{METHOD}{prefix}', tensors))
        except (LookupError, ValueError, RuntimeError, TypeError, Sim2RealError) as error:
            raise TrainingError(
                f'The checkpoint does not hold what method {self.method.config.method!r} keeps '
                f'besides its weights: {error}.'
            ) from error
        sums = tensors_below(f'{LOSSES}{prefix}', tensors)
        self.losses.load(sums, loss_counts, self._fabric.device)
        if scaler:
            self._fabric._precision.load_state_dict(
                # Counts are ints; JSON and our facts know numbers only.
                {k: int(v) if k in ('growth_interval', '_growth_tracker') else v
                 for k, v in scaler.items()}
            )  # fmt: skip

    def _own_prefix(self) -> str:
        rank = self._fabric.global_rank
        return f'rank{rank}.' if self._fabric.world_size > 1 else ''


def tensors_below(prefix: str, tensors: Mapping[str, torch.Tensor]) -> Tensors:
    """Return the tensors whose names begin with a prefix, without it."""
    start = len(prefix)
    return {name[start:]: tensor for name, tensor in tensors.items() if name.startswith(prefix)}


def share_weights(networks: nn.Module, fabric: Fabric) -> None:
    """Give all processes the weights and buffers of the first one."""
    if fabric.world_size == 1:
        return
    for tensor in networks.state_dict().values():
        # As one block of memory, whatever the order of its axes.
        block = tensor.contiguous()
        torch.distributed.broadcast(block, src=0)
        tensor.copy_(block)


def load_weights(network: nn.Module, weights: Mapping[str, torch.Tensor], what: str) -> None:
    """Fill a network with weights of exactly its names, shapes and types.

    Raises:
        TrainingError: Something is missing, superfluous, of another shape or type.
    """
    expected = network.state_dict()
    for name in dict.fromkeys([*expected, *weights]):
        if name not in weights:
            raise TrainingError(_mismatch(what, f'{name!r} is missing'))
        if name not in expected:
            raise TrainingError(_mismatch(what, f'nothing is called {name!r}'))
        _check_like(expected[name], weights[name], what, name)
    network.load_state_dict(dict(weights))


def _check_like(mine: torch.Tensor, theirs: torch.Tensor, what: str, name: str) -> None:
    if mine.shape != theirs.shape or mine.dtype != theirs.dtype:
        raise TrainingError(
            _mismatch(
                what,
                f'{name!r} is {theirs.dtype} {tuple(theirs.shape)}, expected {mine.dtype} '
                f'{tuple(mine.shape)}',
            )
        )


def _mismatch(what: str, reason: str) -> str:
    return f'The checkpoint does not fit the configuration ({what}): {reason}.'


def _optimiser_tensors(prefix: str, optimiser: Optimizer) -> Tensors:
    return {
        f'{prefix}{index}.{key}': value
        for index, values in optimiser.state_dict()['state'].items()
        for key, value in values.items()
        if isinstance(value, torch.Tensor)
    }


def _load_optimiser(
    optimiser: Optimizer, tensors: Mapping[str, torch.Tensor], optimiser_name: str
) -> None:
    """Fill the state of an optimiser whose groups are as the configuration makes them."""
    parameters = [each for group in optimiser.param_groups for each in group['params']]
    what = f'optimiser {optimiser_name!r}'
    state: dict[int, Tensors] = {}
    for name, tensor in tensors.items():
        number, _, key = name.partition('.')
        if not number.isdecimal() or int(number) >= len(parameters):
            raise TrainingError(_mismatch(what, f'it has no parameter {number!r}'))
        if tensor.ndim:
            _check_like(parameters[int(number)], tensor, what, name)
        state.setdefault(int(number), {})[key] = tensor
    keys = {frozenset(each) for each in state.values()}
    if len(keys) > 1:
        raise TrainingError(_mismatch(what, 'some parameters lack a part of their state'))
    optimiser.load_state_dict({**optimiser.state_dict(), 'state': state})
    _order_axes_as_weights(optimiser)


def _order_axes_as_weights(optimiser: Optimizer) -> None:
    """Fused optimisers want the averages in the memory format of the weights."""
    for parameter, values in optimiser.state.items():
        for key, value in values.items():
            if isinstance(value, torch.Tensor) and value.shape == parameter.shape:
                values[key] = torch.empty_like(parameter).copy_(value)
