"""Run a model over images, folders, videos and bags, offline and without ROS."""

from sim2real_ros.translation.options import TranslateOptions
from sim2real_ros.translation.report import TranslationReport
from sim2real_ros.translation.translate import plan_translation, translate

__all__ = ['TranslateOptions', 'TranslationReport', 'plan_translation', 'translate']
