"""Make simulated camera frames look real: a ROS 2 perception proxy and its offline tools."""

import os

__version__ = '0.1.0'

# From 1.29 on ONNX Runtime reports to its makers, and writes what it reports to disk. It looks at
# this variable when it is imported, wherever that is; a value that the user has set wins.
os.environ.setdefault('ORT_DISABLE_TELEMETRY', '1')
