import numpy as np
import pytest
import sam_graphs as graphs

from sim2real_ros.errors import BackendError, ModelError
from sim2real_ros.runtime.model_file import GraphFile, GraphTensor
from sim2real_ros.segmentation.sam_arrays import image_array, scaled_size
from sim2real_ros.segmentation.sam_onnx import SamSegmenter
from sim2real_ros.segmentation.sam_signature import decoder_signature, encoder_signature
from sim2real_ros.segmentation.segmenters import SEGMENTERS, SegmenterOptions


def graph(tmp_path, inputs, outputs):
    def tensors(named):
        return tuple(GraphTensor(name, *rest) for name, rest in named.items())

    return GraphFile(tmp_path / 'x.onnx', b'', '0' * 64, tensors(inputs), tensors(outputs), {})


SAM = {
    'image_embeddings': ('float32', (1, 256, 64, 64)),
    'point_coords': ('float32', (1, None, 2)),
    'point_labels': ('float32', (1, None)),
    'mask_input': ('float32', (1, 1, 256, 256)),
    'has_mask_input': ('float32', (1,)),
    'orig_im_size': ('float32', (2,)),
}
EFFICIENT = {
    'image_embeddings': ('float32', (None, 256, 64, 64)),
    'batched_point_coords': ('float32', (1, 1, None, 2)),
    'batched_point_labels': ('float32', (1, 1, None)),
    'orig_im_size': ('int64', (2,)),
}
OUT = ('float32', ())


def test_the_official_exports_are_recognised(tmp_path):
    outputs = {'masks': OUT, 'iou_predictions': OUT, 'low_res_masks': OUT}
    sam = decoder_signature(graph(tmp_path, SAM, outputs))
    assert (sam.family, sam.masks, sam.is_low_res) == ('sam', 'low_res_masks', True)
    outputs = {'output_masks': OUT, 'iou_predictions': OUT, 'onnx::Shape_1830': OUT}
    efficient = decoder_signature(graph(tmp_path, EFFICIENT, outputs))
    assert (efficient.family, efficient.boxes_per_run) == ('efficient_sam', 1)
    assert efficient.inputs['orig_im_size'] == 'int64'


@pytest.mark.parametrize(
    ('shape', 'dtype', 'layout', 'values', 'size'),
    [
        ((1, 3, 1024, 1024), 'float32', 'NCHW', 'normalised', (1024, 1024)),
        ((None, 3, 1024, 1024), 'float16', 'NCHW', 'normalised', (1024, 1024)),
        ((1, 3, None, None), 'float32', 'NCHW', 'normalised', (1024, 1024)),
        ((1, 3, 512, 512), 'uint8', 'NCHW', 'raw', (512, 512)),
        ((None, None, 3), 'float32', 'HWC', 'raw', None),
        ((1024, 1024, 3), 'uint8', 'HWC', 'raw', (1024, 1024)),
    ],
)
def test_encoders_are_recognised_by_shape_and_dtype(tmp_path, shape, dtype, layout, values, size):
    found = encoder_signature(graph(tmp_path, {'x': (dtype, shape)}, {'y': OUT}), 'sam')
    assert (found.layout, found.values, found.size) == (layout, values, size)
    assert found.output == 'y'


@pytest.mark.parametrize(
    ('inputs', 'outputs', 'reason'),
    [
        ({'input': ('float32', (1, 3, 8, 8))}, {'y': OUT}, r'found input float32 \[1, 3, 8, 8\]'),
        ({**SAM, 'interm_embeddings': OUT}, {'masks': OUT}, 'HQ-SAM and SAM 2 are not supported'),
        ({'image': OUT}, {'masks': OUT}, 'is this the encoder'),
        (SAM, {'out': OUT}, 'Expected SAM and MobileSAM: image_embeddings, point_coords'),
        ({**SAM, 'point_coords': ('float32', (7, None, 2))}, {'masks': OUT}, 'no decoder'),
        ({**SAM, 'point_coords': ('float32', ())}, {'masks': OUT}, 'no decoder of a known kind'),
        ({**SAM, 'point_coords': ('float32', (1, 1, 2))}, {'masks': OUT}, 'a box needs 2'),
        (
            {**EFFICIENT, 'batched_point_coords': ('float32', (1, 5, 1, 2))},
            {'output_masks': OUT},
            'takes 1 points per prompt, but a box needs 2',
        ),
        (EFFICIENT, {'masks': OUT}, 'no decoder of a known kind'),
    ],
)
def test_an_unknown_decoder_is_named_with_what_was_found_and_expected(
    tmp_path, inputs, outputs, reason
):
    with pytest.raises(ModelError, match=reason):
        decoder_signature(graph(tmp_path, inputs, outputs))


@pytest.mark.parametrize(
    'inputs',
    [
        {'x': ('float32', (1, 1024, 1024, 3))},
        {'x': ('float32', (2, 3, 1024, 1024))},
        {'x': ('float32', (1, 3, 1024, 768))},
        {'x': ('int64', (1, 3, 1024, 1024))},
        {'x': ('float32', (1, 3, 90000, 90000))},
        {'x': ('float32', ())},
        {'x': ('float32', (None, None, 3)), 'size': ('int64', (2,))},
    ],
)
def test_an_unknown_encoder_is_refused(tmp_path, inputs):
    with pytest.raises(ModelError, match=r'is no encoder of a known kind: found x .*Expected SAM'):
        encoder_signature(graph(tmp_path, inputs, {'image_embeddings': OUT}), 'sam')


def test_encoder_and_decoder_of_different_models_are_refused(tmp_path):
    sam = graphs.nchw_encoder(tmp_path / 'e.onnx'), graphs.sam_decoder(tmp_path / 'd.onnx')
    other = graphs.efficient_encoder(tmp_path / 'f.onnx')
    efficient = graphs.efficient_decoder(tmp_path / 'g.onnx')
    for encoder, decoder in ((other, sam[1]), (sam[0], efficient)):
        with pytest.raises(ModelError, match='of another model than the decoder is'):
            SamSegmenter(encoder, decoder)
    with pytest.raises(ModelError, match='is no decoder of a known kind'):
        SamSegmenter(sam[1], sam[0])


@pytest.mark.parametrize('content', [b'', b'no model', b'\x08\x08'])
def test_damaged_files_are_refused(tmp_path, content):
    decoder = graphs.sam_decoder(tmp_path / 'd.onnx')
    (tmp_path / 'e.onnx').write_bytes(content)
    with pytest.raises(ModelError, match=r'empty|damaged|no ONNX graph'):
        SamSegmenter(tmp_path / 'e.onnx', decoder)


def test_operators_of_others_are_refused(tmp_path):
    import onnx

    encoder = graphs.nchw_encoder(tmp_path / 'e.onnx')
    model = onnx.load(str(encoder))
    model.graph.node[0].domain = 'somebody.elses'
    model.opset_import.append(onnx.helper.make_opsetid('somebody.elses', 1))
    onnx.save(model, str(encoder))
    with pytest.raises(BackendError, match='ONNX Runtime cannot load'):
        SamSegmenter(encoder, graphs.sam_decoder(tmp_path / 'd.onnx'))


@pytest.mark.parametrize(
    ('name', 'options', 'reason'),
    [
        ('sam', {}, '--encoder FILE.onnx --decoder FILE.onnx'),
        ('sam', {'encoder': 'e.onnx'}, 'needs the two ONNX files'),
        ('grabcut', {'decoder': 'd.onnx'}, 'GrabCut takes no model'),
    ],
)
def test_segmenters_say_which_files_they_need(name, options, reason):
    with pytest.raises(ModelError, match=reason):
        SEGMENTERS[name](SegmenterOptions(**options))


@pytest.mark.parametrize(
    ('size', 'expected'),
    [((1920, 1080), (1024, 576)), ((333, 500), (682, 1024)), ((1, 1000), (1, 1024))],
)
def test_sizes_are_rounded_as_by_sams_own_transform(size, expected):
    assert scaled_size(size, 1024) == expected


def test_images_are_normalised_and_padded_right_and_at_the_bottom(tmp_path):
    rgb = np.full((100, 200, 3), (10, 120, 250), np.uint8)
    bare = graph(tmp_path, {'x': ('float32', (1, 3, 1024, 1024))}, {'y': OUT})
    array = image_array(rgb, encoder_signature(bare, 'sam'))
    assert (array.shape, array.dtype) == ((1, 3, 1024, 1024), np.float32)
    expected = [(10 - 123.675) / 58.395, (120 - 116.28) / 57.12, (250 - 103.53) / 57.375]
    for y, x in ((0, 0), (511, 1023)):
        np.testing.assert_allclose(array[0, :, y, x], expected, rtol=1e-5)
    assert not array[0, :, 512:].any()
    tall = image_array(np.swapaxes(rgb, 0, 1).copy(), encoder_signature(bare, 'sam'))
    assert not tall[0, :, :, 512:].any()
    unit = graph(tmp_path, {'batched_images': ('float32', (None, 3, None, None))}, {'y': OUT})
    array = image_array(rgb, encoder_signature(unit, 'efficient_sam'))
    assert array.shape == (1, 3, 100, 200)
    np.testing.assert_allclose(array[0, :, 5, 5], np.array([10, 120, 250]) / 255, rtol=1e-6)
