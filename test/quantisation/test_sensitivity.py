import math

import pytest

from sim2real_ros.quantisation.quality import QualityLimits, QualityLoss
from sim2real_ros.quantisation.sensitivity import layers_to_keep

LIMITS = QualityLimits(max_mean_levels=2.0, min_psnr_db=0.0, min_edge_agreement=0.0)


class Network:
    """Layers whose squared errors add up."""

    def __init__(self, **errors):
        self.errors = errors
        self.looks = 0

    def loss_of(self, kept):
        self.looks += 1
        error = sum(value for layer, value in self.errors.items() if layer not in kept)
        levels = math.sqrt(error)
        psnr = 10 * math.log10(255**2 / error) if error else 100.0
        return QualityLoss(levels, levels, 0, psnr, psnr, 1.0)

    def search(self):
        return layers_to_keep(list(self.errors), self.loss_of, LIMITS)


def test_nothing_is_kept_where_all_is_well():
    network = Network(a=1, b=1, c=1)
    assert network.search() == frozenset()
    assert network.looks == 1


def test_the_worst_layer_is_kept():
    assert Network(a=0.5, b=1, c=90, d=0.5).search() == {'c'}


@pytest.mark.parametrize('last', [0.1, 0.9, 1.9, 3.5])
def test_as_few_as_possible_are_kept(last):
    network = Network(a=5, b=1, c=30, d=1, e=last, f=7, g=0)
    ranked = sorted(network.errors, key=lambda layer: -network.errors[layer])
    counts = range(len(ranked))
    fitting = [n for n in counts if network.loss_of(frozenset(ranked[:n])).mean_levels <= 2]
    assert network.search() == frozenset(ranked[: fitting[0]])


def test_looks_grow_with_the_number_of_layers_not_with_its_square():
    network = Network(**{f'n{index}': 1 + index / 100 for index in range(64)})
    network.search()
    assert network.looks <= 1 + 64 + 6


def test_none_where_every_layer_alone_is_too_much():
    assert Network(a=5, b=6).search() is None
    assert Network(a=5).search() is None
