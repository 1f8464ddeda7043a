"""Results of models, gathered by the simulated frames that they were made from."""

from sim2real_ros.data.collection.collecting import CollectReport, collect
from sim2real_ros.data.collection.options import CollectOptions

__all__ = ['CollectOptions', 'CollectReport', 'collect']
