"""Does the node leak, or tear a frame, when its model is swapped again and again under load?"""

import argparse
import contextlib
import json
import os
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import psutil
from bench_processes import ros_environment, running
from onnx import TensorProto, helper

from sim2real_ros.ros import process_environment

SIZE = (512, 384)


def write_inverter(path: Path) -> None:
    """Write a model that gives 255 - x, so that every frame tells which model made it."""
    shape: list[str | int | None] = ['N', 'H', 'W', 3]
    image = helper.make_tensor_value_info('image', TensorProto.UINT8, shape)
    translated = helper.make_tensor_value_info('translated', TensorProto.UINT8, shape)
    white = helper.make_tensor('white', TensorProto.UINT8, [], [255])
    node = helper.make_node('Sub', ['white', 'image'], ['translated'])
    graph = helper.make_graph([node], 'inverter', [image], [translated], [white])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid('', 17)], ir_version=8)
    onnx.save(model, path)


class Soak:
    """Publishes frames to the node, checks each one that returns, and asks for swaps."""

    def __init__(self, rclpy: Any, models: list[str]) -> None:
        """Create the ends of the topics."""
        from rcl_interfaces.srv import SetParameters
        from rclpy.parameter import Parameter
        from sensor_msgs.msg import Image

        self.parameter, self.request = Parameter, SetParameters.Request
        self.node = rclpy.create_node('bench_soak')
        self.publisher = self.node.create_publisher(Image, 'image_raw', 5)
        self.node.create_subscription(Image, 'realistic/image_raw', self.check, 5)
        self.setter = self.node.create_client(SetParameters, '/perception_proxy/set_parameters')
        self.models = models
        self.message = Image(height=SIZE[1], width=SIZE[0], encoding='rgb8', step=3 * SIZE[0])
        self.message.data.frombytes(bytes(SIZE[0] * SIZE[1] * 3))
        self.pixels = np.frombuffer(self.message.data, np.uint8)
        self.received, self.corrupt, self.by_model = 0, 0, [0, 0]

    def check(self, message: Any) -> None:
        """Every frame has one value all over: v by identity, 255 - v by the inverter."""
        number = int(message.header.frame_id)
        data = np.frombuffer(message.data, np.uint8)
        value = number % 100
        self.received += 1
        if data[0] == value and (data == value).all():
            self.by_model[0] += 1
        elif data[0] == 255 - value and (data == 255 - value).all():
            self.by_model[1] += 1
        else:
            self.corrupt += 1

    def publish(self, number: int) -> None:
        """Publish frame ``number``."""
        self.pixels[:] = number % 100
        self.message.header.frame_id = str(number)
        self.publisher.publish(self.message)

    def swap(self, number: int) -> None:
        """Ask for the other model; the node answers at once and loads in the background."""
        model = self.models[number % 2]
        parameter = self.parameter('model', value=model).to_parameter_msg()
        self.setter.call_async(self.request(parameters=[parameter]))


def run(arguments: argparse.Namespace) -> dict[str, Any]:
    """Run the soak and return the counts and the memory of the node over time."""
    os.environ.update(ros_environment())
    process_environment.prepare()
    import rclpy

    rclpy.init()
    with tempfile.TemporaryDirectory() as folder:
        inverter = Path(folder) / 'inverter.onnx'
        write_inverter(inverter)
        soak = Soak(rclpy, [str(inverter), 'identity'])
        spinner = threading.Thread(target=spin, args=(rclpy, soak.node), daemon=True)
        spinner.start()
        command = [
            '-m',
            'sim2real_ros.ros.perception_proxy',
            '--ros-args',
            '-p',
            'trial_run:=false',
        ]
        with running(*command) as process:
            memory_mib = drive(soak, psutil.Process(process.pid), arguments)
    rclpy.try_shutdown()
    spinner.join(10)
    result = {
        'sent': arguments.frames,
        'received': soak.received,
        'corrupt': soak.corrupt,
        'frames_by_model': soak.by_model,
        'swaps': arguments.swaps,
        'memory_mib': memory_mib,
        'growth_mib_after_first_quarter': round(
            memory_mib[-1] - memory_mib[len(memory_mib) // 4], 1
        ),
    }
    print(json.dumps(result, indent=1))
    return result


def spin(rclpy: Any, node: Any) -> None:
    """Serve the node's callbacks until rclpy is shut down."""
    with contextlib.suppress(rclpy.executors.ExternalShutdownException):
        rclpy.spin(node)


def drive(soak: Soak, node: psutil.Process, arguments: argparse.Namespace) -> list[float]:
    """Publish all frames, swapping evenly; return the node's resident memory, 40 times."""
    while soak.publisher.get_subscription_count() == 0 or not soak.setter.service_is_ready():
        time.sleep(0.05)
    memory: list[float] = []
    swap_every = arguments.frames // max(arguments.swaps, 1)
    start = time.monotonic()
    for number in range(arguments.frames):
        time.sleep(max(0.0, start + number / arguments.rate_hz - time.monotonic()))
        if arguments.swaps and number % swap_every == swap_every // 2:
            soak.swap(number // swap_every)
        if number % max(1, arguments.frames // 40) == 0:
            memory.append(round(node.memory_info().rss / 2**20, 1))
            passed = time.monotonic() - start
            print(
                f'\r{number}/{arguments.frames} frames, {passed:.0f} s, {memory[-1]} MiB',
                end='',
                file=sys.stderr,
            )
        soak.publish(number)
    time.sleep(1.0)
    print(file=sys.stderr)
    return memory
