"""Runs all measures over all frames of all candidates."""

from sim2real_ros.evaluation.engine.options import EvaluateOptions
from sim2real_ros.evaluation.engine.output import check_output, write_evaluation
from sim2real_ros.evaluation.engine.run import Evaluation, evaluate

__all__ = ['EvaluateOptions', 'Evaluation', 'check_output', 'evaluate', 'write_evaluation']
