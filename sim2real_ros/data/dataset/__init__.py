"""Data sets for training: split, paired and mixed from folders of simulated and real images."""

from sim2real_ros.data.dataset.making import DatasetReport, make_dataset
from sim2real_ros.data.dataset.options import DOMAIN_LETTERS, LAYOUTS, DatasetOptions
from sim2real_ros.data.dataset.splitting import Gap
from sim2real_ros.data.dataset.statistics import summary_lines

__all__ = [
    'DOMAIN_LETTERS',
    'LAYOUTS',
    'DatasetOptions',
    'DatasetReport',
    'Gap',
    'make_dataset',
    'summary_lines',
]
