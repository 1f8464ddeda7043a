"""Ask the nodes that a launch file started what they are."""

import time

import rclpy
from rcl_interfaces.srv import GetParameters
from rclpy.executors import SingleThreadedExecutor
from rclpy.parameter import parameter_value_to_python

PATIENCE_S = 60.0


class GraphProbe:
    def __init__(self, domain_id):
        self.domain_id = domain_id

    def __enter__(self):
        self.context = rclpy.Context()
        rclpy.init(args=[], context=self.context, domain_id=self.domain_id)
        self.node = rclpy.create_node('launch_probe', context=self.context)
        self.executor = SingleThreadedExecutor(context=self.context)
        self.executor.add_node(self.node)
        return self

    def __exit__(self, *_):
        self.node.destroy_node()
        self.context.try_shutdown()

    def wait(self, condition, what):
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            self.executor.spin_once(timeout_sec=0.05)
            if value := condition():
                return value
        raise AssertionError(f'Not within {PATIENCE_S} s: {what}')

    def wait_for_topics(self, *names):
        self.wait(lambda: self.topics() >= set(names), f'the topics {names}')

    def topics(self):
        return {name for name, _ in self.node.get_topic_names_and_types()}

    def parameters(self, node, names):
        client = self.node.create_client(GetParameters, f'{node}/get_parameters')
        self.wait(client.service_is_ready, f'the parameters of {node}')
        future = client.call_async(GetParameters.Request(names=list(names)))
        self.wait(future.done, f'an answer of {node}')
        values = map(parameter_value_to_python, future.result().values)
        return dict(zip(names, values, strict=True))
