"""Inference: model files, back ends and the Translator. Imports neither ROS nor torch."""
