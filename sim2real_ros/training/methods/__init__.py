"""One paper, one file; and the table of them."""

from sim2real_ros.training.methods.cut import Cut
from sim2real_ros.training.methods.cyclegan import CycleGan
from sim2real_ros.training.methods.distil import Distil
from sim2real_ros.training.methods.method import Method
from sim2real_ros.training.methods.pix2pix import Pix2Pix
from sim2real_ros.training.methods.simgan import Simgan
from sim2real_ros.training.methods.unit import Unit

METHODS: dict[str, type[Method]] = {
    'cyclegan': CycleGan,
    'pix2pix': Pix2Pix,
    'unit': Unit,
    'simgan': Simgan,
    'cut': Cut,
    'distil': Distil,
}
"""Every method that can be trained, by the name that configurations use."""
