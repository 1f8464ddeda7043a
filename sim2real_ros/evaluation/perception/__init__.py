"""Perception in the loop: what a robot's own detectors see in translated frames."""
