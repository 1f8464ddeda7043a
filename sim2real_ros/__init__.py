"""Make simulated camera frames look real: a ROS 2 perception proxy and its offline tools."""

__version__ = '0.1.0'
