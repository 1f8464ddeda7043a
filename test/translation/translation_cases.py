"""Models, images and trees of files for the tests of this folder."""

from pathlib import Path

import cv2
import numpy as np
from onnx import TensorProto, helper, numpy_helper

from sim2real_ros.card import ModelCard

DIMS = ('N', 'H', 'W', 3)
REPOSITORY = Path(__file__).resolve().parents[2]
COLOUR = REPOSITORY / 'models' / 'colour_transfer_duckietown.onnx'


def write_model(path, nodes, constants=None, dims=DIMS, output_dims=None, **card):
    """Write a model of our contract; its name is the file's stem."""
    graph = helper.make_graph(
        nodes,
        'test',
        [helper.make_tensor_value_info('image', TensorProto.UINT8, dims)],
        [helper.make_tensor_value_info('translated', TensorProto.UINT8, output_dims or dims)],
        [numpy_helper.from_array(np.array(v), k) for k, v in (constants or {}).items()],
    )
    proto = helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid('', 18)])
    helper.set_model_props(proto, ModelCard(name=path.stem, **card).to_metadata())
    path.write_bytes(proto.SerializeToString())
    return path


def negative(folder):
    """Write a model that turns v into 255 - v: exact, and its own inverse."""
    node = helper.make_node('BitwiseNot', ['image'], ['translated'])
    return write_model(folder / 'negative.onnx', [node])


def fixed_size_negative(folder, width, height):
    """Write the same model for images of one size alone."""
    node = helper.make_node('BitwiseNot', ['image'], ['translated'])
    return write_model(folder / 'fixed.onnx', [node], dims=(1, height, width, 3))


def choosy(folder, width=8, height=6):
    """Write a model that fails at run time unless the image has width * height pixels."""
    nodes = [
        helper.make_node('Shape', ['image'], ['shape']),
        helper.make_node('Reshape', ['image', 'wanted'], ['flat']),
        helper.make_node('BitwiseNot', ['flat'], ['not']),
        helper.make_node('Reshape', ['not', 'shape'], ['translated']),
    ]
    constants = {'wanted': np.array([1, height * width * 3])}
    return write_model(folder / 'choosy.onnx', nodes, constants)


def random_image(width=8, height=6, seed=0):
    generator = np.random.default_rng(seed)
    return generator.integers(0, 256, (height, width, 3), dtype=np.uint8)


def smooth_image(width=64, height=48, seed=0):
    """Make an image that survives JPEG and video codecs well."""
    small = np.random.default_rng(seed).integers(0, 256, (3, 4, 3), dtype=np.uint8)
    return cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC)


def write_image(path, rgb_or_grey):
    """Write RGB (or RGBA, grey, 16 bits) as the file's suffix says."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.asarray(rgb_or_grey)
    if pixels.ndim == 3:
        pixels = pixels[..., [2, 1, 0, 3][: pixels.shape[2]]]
    done, data = cv2.imencode(path.suffix, np.ascontiguousarray(pixels))
    assert done
    path.write_bytes(data.tobytes())
    return path


def read_image(path):
    """Read a file as it is: grey stays grey, colours are RGB or RGBA."""
    pixels = cv2.imdecode(np.frombuffer(path.read_bytes(), np.uint8), cv2.IMREAD_UNCHANGED)
    if pixels.ndim == 3:
        pixels = pixels[..., [2, 1, 0, 3][: pixels.shape[2]]]
    return pixels


def tree(folder):
    """Return the content of every file below a folder, by its path."""
    return {
        file.relative_to(folder).as_posix(): file.read_bytes()
        for file in sorted(folder.rglob('*'))
        if file.is_file()
    }
