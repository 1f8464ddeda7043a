"""What drives methods in these tests: a stepper that can be watched, and a loop of a few lines."""

import torch
from known_domains import as_real, psnr_db, sim_scenes
from lightning_fabric import Fabric

from sim2real_ros.training.batches.batch import Batch
from sim2real_ros.training.stepper import Stepper


class WatchedStepper(Stepper):
    """Notes after each update which networks moved, and which hold gradients."""

    def __init__(self, method, precision='32-true'):
        fabric = Fabric(accelerator='cpu', devices=1, precision=precision)
        super().__init__(fabric, method.optimisers)
        self.networks = method.networks
        self.log = []

    def update(self, name, loss, *, max_norm=0.0):
        for parameter in self.networks.parameters():
            parameter.grad = None
        before = {key: weights_of(network) for key, network in self.networks.items()}
        super().update(name, loss, max_norm=max_norm)
        moved = {
            key
            for key, network in self.networks.items()
            if not torch.equal(weights_of(network), before[key])
        }
        reached = {
            key
            for key, network in self.networks.items()
            if any(each.grad is not None for each in network.parameters())
        }
        gradients = {
            key: [each.grad for each in network.parameters()]
            for key, network in self.networks.items()
        }
        self.log.append((name, moved, reached, gradients, loss.detach()))


def weights_of(network):
    return torch.cat([each.detach().flatten() for each in network.parameters()])


def random_batch(seed, count=2, size=16, dtype=torch.float64, masks=False):
    generator = torch.Generator().manual_seed(seed)
    shape = (count, 3, size, size)
    sim, real = torch.rand(2, *shape, generator=generator, dtype=dtype) * 2 - 1
    ids = torch.randint(0, 3, (count, size, size), generator=generator) if masks else None
    return Batch(sim, real, ids)


def train(method, steps, batch_size, seed=0):
    """Train on the known domains; the rate falls to 0 over the second half.

    Returns:
        PSNR in dB of the translations of held-out scenes, to the right answer.
    """
    stepper = Stepper(Fabric(accelerator='cpu', devices=1), method.optimisers)
    rates = {name: each.param_groups[0]['lr'] for name, each in method.optimisers.items()}
    sim, paired = sim_scenes(256, seed=1), method.batch_kind == 'paired'
    real = as_real(sim if paired else sim_scenes(256, seed=2))
    for step in range(steps):
        method.step_count = step
        torch.manual_seed(1000 * seed + step)
        for name, optimiser in method.optimisers.items():
            optimiser.param_groups[0]['lr'] = rates[name] * min(1, 2 - 2 * step / steps)
        chosen, others = torch.randint(len(sim), (2, batch_size))
        method.step(Batch(sim[chosen], real[chosen if paired else others]), stepper)
    method.networks.eval()
    return measure(method.generator())


def measure(generator):
    """Return the PSNR in dB of a generator, or any function, on held-out scenes."""
    scenes = sim_scenes(32, seed=3)
    with torch.no_grad():
        return psnr_db(generator(scenes), as_real(scenes))
