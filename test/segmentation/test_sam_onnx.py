import numpy as np
import pytest
import sam_graphs as graphs
from hypothesis import given, settings
from hypothesis import strategies as st

from sim2real_ros.errors import ModelError
from sim2real_ros.segmentation.sam_onnx import SamSegmenter

RED_OBJECT, BLUE_OBJECT = (200, 30, 40), (40, 30, 200)

PAIRS = {
    'sam, bare encoder': (graphs.nchw_encoder, {}, graphs.sam_decoder, {}),
    'sam, raw bytes': (graphs.nchw_encoder, {'dtype': graphs.UINT8}, graphs.sam_decoder, {}),
    'sam, other names': (
        graphs.nchw_encoder,
        {'name': 'x', 'extra_output': True},
        graphs.sam_decoder,
        {},
    ),
    'sam, image inside': (graphs.hwc_encoder, {}, graphs.sam_decoder, {}),
    'sam, bytes inside': (graphs.hwc_encoder, {'dtype': graphs.UINT8}, graphs.sam_decoder, {}),
    'sam, fixed square': (graphs.hwc_encoder, {'shape': (1024, 1024, 3)}, graphs.sam_decoder, {}),
    'sam, no small masks': (
        graphs.nchw_encoder,
        {},
        graphs.sam_decoder,
        {'outputs': ('masks', 'iou_predictions')},
    ),
    'sam, masks only': (graphs.nchw_encoder, {}, graphs.sam_decoder, {'outputs': ('masks',)}),
    'sam, no size': (
        graphs.nchw_encoder,
        {},
        graphs.sam_decoder,
        {'outputs': ('masks', 'iou_predictions'), 'drop': ('orig_im_size',)},
    ),
    'sam, no mask input': (
        graphs.nchw_encoder,
        {},
        graphs.sam_decoder,
        {'drop': ('mask_input', 'has_mask_input')},
    ),
    'sam, five points': (graphs.nchw_encoder, {}, graphs.sam_decoder, {'points': 5}),
    'sam, frozen aspect': (
        graphs.nchw_encoder,
        {},
        graphs.sam_decoder,
        {'full': graphs.frozen_size},
    ),
    'sam, all tokens': (graphs.nchw_encoder, {}, graphs.sam_decoder, {'candidates': 4}),
    'efficient': (graphs.efficient_encoder, {}, graphs.efficient_decoder, {'candidates': 1}),
    'efficient, one box': (
        graphs.efficient_encoder,
        {},
        graphs.efficient_decoder,
        {'candidates': 1, 'queries': 1},
    ),
    'efficient, five boxes, six points': (
        graphs.efficient_encoder,
        {},
        graphs.efficient_decoder,
        {'candidates': 1, 'queries': 5, 'points': 6},
    ),
    'efficient, fixed size': (
        graphs.efficient_encoder,
        {'shape': (1, 3, 512, 512)},
        graphs.efficient_decoder,
        {'candidates': 1},
    ),
}
SIZES = ((640, 480), (480, 640), (100, 37), (1500, 900), (256, 256), (1024, 1024))


@pytest.fixture(scope='module')
def made(tmp_path_factory):
    """Return segmenters by the names of PAIRS, each made once."""
    folder = tmp_path_factory.mktemp('models')
    known = {}

    def make(name):
        if name not in known:
            encoder, encoder_how, decoder, decoder_how = PAIRS[name]
            paths = folder / f'{len(known)}e.onnx', folder / f'{len(known)}d.onnx'
            known[name] = SamSegmenter(
                encoder(paths[0], **encoder_how), decoder(paths[1], **decoder_how), threads=1
            )
        return known[name]

    return make


def scene(size, colour=RED_OBJECT):
    """A picture of one colour: the tiny models see red or not, and draw the box."""
    return np.full((size[1], size[0], 3), colour, np.uint8)


def edges(mask):
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return np.array([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1])


def boxes_for(size):
    parts = np.array([[0.1, 0.2, 0.5, 0.9], [0.55, 0.1, 0.95, 0.5], [0.3, 0.3, 0.7, 0.7]])
    return parts * [*size, *size]


@pytest.mark.parametrize('size', SIZES)
@pytest.mark.parametrize('name', PAIRS)
def test_boxes_come_back_where_they_were_at_any_image_size(made, name, size):
    boxes = boxes_for(size)
    found = list(made(name).segment(scene(size), boxes))
    assert len(found) == len(boxes)
    # The small masks have 256 cells on the image's longer side, and the size is rounded.
    tolerance = max(size) / 256 + 1
    for box, each in zip(boxes, found, strict=True):
        assert each.fallback == ''
        assert each.mask.shape == (size[1], size[0])
        assert each.mask.dtype == np.bool_
        assert np.abs(edges(each.mask) - box).max() <= tolerance


@pytest.mark.parametrize('name', PAIRS)
def test_rgb_is_fed_and_not_bgr(made, name):
    """First defect of the original script: OpenCV's BGR was passed to SAM."""
    boxes = boxes_for((320, 240))[:1]
    red = next(made(name).segment(scene((320, 240), RED_OBJECT), boxes))
    blue = next(made(name).segment(scene((320, 240), BLUE_OBJECT), boxes))
    assert red.fallback == ''
    assert blue.fallback == 'the model found no object: ellipse in the box'


@pytest.mark.parametrize('name', ['sam, bare encoder', 'sam, image inside', 'efficient'])
def test_the_object_is_found_where_it_is_in_the_image(made, name):
    """The left half is red: normalisation, scale and padding put the border where it is."""
    image = scene((640, 400), BLUE_OBJECT)
    image[:, :320] = RED_OBJECT
    each = next(made(name).segment(image, np.array([[100.0, 100, 500, 300]])))
    assert np.abs(edges(each.mask) - [100, 100, 320, 300]).max() <= 12


def test_the_mask_of_box_prompts_is_taken_from_all_four_tokens(made):
    """The first token has not the best predicted IoU; SAM's own predictor takes it for boxes."""
    box = np.array([[100.0, 100, 300, 300]])
    each = next(made('sam, all tokens').segment(scene((640, 480)), box))
    assert np.abs(edges(each.mask) - box[0]).max() <= 4


@pytest.mark.parametrize(
    ('encoder', 'decoder', 'scale'),
    [
        (graphs.nchw_encoder, graphs.sam_decoder, 640 / 1024),
        (graphs.efficient_encoder, graphs.efficient_decoder, 1),
    ],
)
def test_the_best_of_three_candidates_is_taken(tmp_path, encoder, decoder, scale):
    segmenter = SamSegmenter(
        encoder(tmp_path / 'e.onnx'), decoder(tmp_path / 'd.onnx', candidates=3)
    )
    shrunk = 2 * graphs.SHRINK_PX * scale
    each = next(segmenter.segment(scene((640, 480)), np.array([[100.0, 100, 300, 300]])))
    expected = np.array([100 + shrunk, 100 + shrunk, 300 - shrunk, 300 - shrunk])
    assert np.abs(edges(each.mask) - expected).max() <= 4


@pytest.mark.parametrize('name', ['sam, bare encoder', 'efficient', 'efficient, one box'])
def test_many_boxes_give_as_many_masks_in_their_order(made, name):
    lefts = np.arange(19.0) * 30
    boxes = np.stack((lefts, lefts * 0 + 50, lefts + 25, lefts * 0 + 150), axis=1)
    found = list(made(name).segment(scene((640, 480)), boxes))
    assert [round(edges(each.mask)[0] / 30) for each in found] == list(range(19))


def test_no_boxes_give_no_masks(made):
    assert list(made('efficient').segment(scene((64, 48)), np.zeros((0, 4)))) == []


def test_a_box_that_leaves_the_image_is_cut_off(made):
    each = next(
        made('sam, bare encoder').segment(scene((640, 480)), np.array([[-50.0, 300, 200, 700]]))
    )
    assert np.abs(edges(each.mask) - [0, 300, 200, 480]).max() <= 4


@settings(max_examples=25, deadline=None, derandomize=True)
@given(
    size=st.tuples(st.integers(1, 700), st.integers(1, 700)),
    corners=st.lists(st.floats(0, 1, width=32), min_size=4, max_size=4),
    name=st.sampled_from(['sam, bare encoder', 'sam, image inside', 'efficient']),
)
def test_any_size_and_box_give_a_mask_of_the_image(made, size, corners, name):
    x, y = sorted(corners[:2]), sorted(corners[2:])
    box = np.array([[x[0] * size[0], y[0] * size[1], x[1] * size[0] + 1, y[1] * size[1] + 1]])
    found = list(made(name).segment(scene(size), box))
    assert [each.mask.shape for each in found] == [(size[1], size[0])]
    assert found[0].mask.any()


def test_far_noise_of_a_model_is_left_out(tmp_path):
    """This decoder marks all that is red, wherever the box is."""
    encoder = graphs.nchw_encoder(tmp_path / 'e.onnx')
    decoder = graphs.sam_decoder(tmp_path / 'd.onnx', boxless=True)
    box = np.array([[200.0, 200, 300, 300]])
    each = next(SamSegmenter(encoder, decoder).segment(scene((640, 480)), box))
    np.testing.assert_array_equal(edges(each.mask), [190, 190, 310, 310])


def test_checksums_and_family_describe_a_segmenter(made):
    told = made('efficient').describe()
    assert told['family'] == 'efficient_sam'
    assert len(told['encoder_sha256']) == len(told['decoder_sha256']) == 64


def test_weights_outside_of_the_folder_are_refused(tmp_path):
    import onnx

    folder = tmp_path / 'model'
    folder.mkdir()
    encoder = graphs.nchw_encoder(folder / 'e.onnx')
    decoder = graphs.sam_decoder(folder / 'd.onnx')
    model = onnx.load(str(decoder))
    tensor = model.graph.initializer[0]
    tensor.data_location = onnx.TensorProto.EXTERNAL
    tensor.external_data.add(key='location', value='../secret')
    (tmp_path / 'secret').write_bytes(b'0' * 4096)
    decoder.write_bytes(model.SerializeToString())
    with pytest.raises(ModelError, match="not a file inside the model's own folder"):
        SamSegmenter(encoder, decoder)
