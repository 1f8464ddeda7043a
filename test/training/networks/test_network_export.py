import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from small_networks import ALL_GENERATORS, small_generator, suitable_image
from torch import nn

FORMS = {
    **{name: {'name': name} for name in ALL_GENERATORS},
    'anti-aliased': {'name': 'resnet', 'downsampling': 'blur', 'upsampling': 'blur'},
    'resized': {'name': 'resnet', 'upsampling': 'resize'},
}

# Of those that NVIDIA's list of ONNX operators names as supported; GridSample needs 4-D inputs.
TENSORRT_OPERATORS = {
    *('Abs', 'Add', 'AveragePool', 'BatchNormalization', 'Cast', 'Clip', 'Concat', 'Constant'),
    *('ConstantOfShape', 'Conv', 'ConvTranspose', 'DepthToSpace', 'Div', 'Einsum', 'Exp'),
    *('Expand', 'Flatten', 'Gather', 'Gemm', 'GlobalAveragePool', 'GridSample', 'HardSigmoid'),
    *('HardSwish', 'Identity', 'InstanceNormalization', 'LeakyRelu', 'MatMul', 'Max', 'MaxPool'),
    *('Min', 'Mul', 'Neg', 'Pad', 'Pow', 'Reciprocal', 'ReduceMean', 'ReduceSum', 'Relu'),
    *('Reshape', 'Resize', 'Shape', 'Sigmoid', 'Slice', 'Softmax', 'SpaceToDepth', 'Split'),
    *('Sqrt', 'Squeeze', 'Sub', 'Tanh', 'Tile', 'Transpose', 'Unsqueeze', 'Where'),
}


class Side(nn.Module):
    """All generators side by side: one export of ten costs half of ten exports of one."""

    def __init__(self, generators):
        super().__init__()
        self.generators = nn.ModuleList(generators)

    def forward(self, *images):
        return tuple(g(x) for g, x in zip(self.generators, images, strict=True))


@pytest.fixture(scope='module')
def exported():
    """The graph, and by form the images in, out of torch, and out of ONNX Runtime."""
    generators = [small_generator(**options).eval() for options in FORMS.values()]
    images = tuple(suitable_image(each) for each in generators)
    with torch.no_grad():
        program = torch.onnx.export(
            Side(generators).eval(), images, dynamo=True, opset_version=18, verbose=False
        )
        expected = [g(x).numpy() for g, x in zip(generators, images, strict=True)]
    model = program.model_proto
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=['CPUExecutionProvider']
    )
    names = [each.name for each in session.get_inputs()]
    found = session.run(None, {n: x.numpy() for n, x in zip(names, images, strict=True)})
    results = zip(images, expected, found, strict=True)
    return model, dict(zip(FORMS, results, strict=True))


@pytest.mark.parametrize('form', FORMS)
def test_onnx_runtime_computes_what_torch_computes(exported, form):
    image, expected, found = exported[1][form]
    assert expected.std() > 1e-4
    assert not np.allclose(expected, image.numpy(), atol=1e-4)
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_exported_graphs_have_operators_of_tensorrt_only(exported):
    model = exported[0]
    assert model.opset_import[0].version == 18
    assert {node.op_type for node in model.graph.node} <= TENSORRT_OPERATORS
    assert {node.domain for node in model.graph.node} == {''}


def test_exported_operators_have_the_forms_that_tensorrt_takes(exported):
    graph = onnx.shape_inference.infer_shapes(exported[0]).graph
    constants = {each.name for each in graph.initializer}
    constants |= {
        name for node in graph.node if node.op_type == 'Constant' for name in node.output
    }
    ranks = {v.name: len(v.type.tensor_type.shape.dim) for v in (*graph.value_info, *graph.input)}
    for node in graph.node:
        if node.op_type == 'InstanceNormalization':
            assert set(node.input[1:]) <= constants
        elif node.op_type == 'Pad':
            assert set(node.input[1:]) - {''} <= constants
        elif node.op_type == 'GridSample':
            assert ranks[node.input[0]] == 4
        elif node.op_type == 'Resize':
            modes = [a.s for a in node.attribute if a.name == 'mode']
            assert modes in ([b'nearest'], [b'linear'])
