"""From folders of images to batches on the device."""

from sim2real_ros.training.batches.batch import Batch
from sim2real_ros.training.batches.training_data import TrainingData, open_training_data

__all__ = ['Batch', 'TrainingData', 'open_training_data']
