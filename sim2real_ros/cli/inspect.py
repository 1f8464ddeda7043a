"""Print what a model says about itself: its card, inputs, outputs and hash. Nothing is run."""

import argparse

from sim2real_ros.card import InputDomainNumbers
from sim2real_ros.resources import model_path
from sim2real_ros.runtime.model_file import GraphTensor, open_model

EXAMPLES = """examples:
  sim2real inspect models/identity.onnx
  sim2real inspect identity             (a model that comes with the package)
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of the verb."""
    parser.add_argument('model', metavar='MODEL', help='.onnx file, or a shipped name')


def run(args: argparse.Namespace) -> None:
    """Run the verb."""
    model = open_model(model_path(args.model))
    print(f'{"file":18}{model.path}\n{"sha256":18}{model.sha256}')
    for tensor in model.inputs:
        print(f'{"graph input":18}{describe(tensor)}')
    for tensor in model.outputs:
        print(f'{"graph output":18}{describe(tensor)}')
    for name, value in vars(model.card).items():
        if isinstance(value, InputDomainNumbers):
            usual = value.usual_distance / value.unit_distance
            value = f'from {value.frames} frames, half of which score below {usual:.2f}'
        elif isinstance(value, dict):
            value = '\n'.join(f'{"":18}{k} = {v}' for k, v in value.items()).lstrip() or 'none'
        print(f'{name:18}{"none" if value in (None, "") else value}')


def describe(tensor: GraphTensor) -> str:
    """Write a tensor as ``name dtype [1, ?, ?, 3]``."""
    shape = ', '.join('?' if side is None else str(side) for side in tensor.shape)
    return f'{tensor.name} {tensor.dtype} [{shape}]'
