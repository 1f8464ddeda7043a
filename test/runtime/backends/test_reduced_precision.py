"""What fewer digits change, and how much is too much."""

import numpy as np
import pytest

from sim2real_ros.card import ModelCard
from sim2real_ros.errors import BackendError
from sim2real_ros.runtime.backends.reduced_precision import (
    Deviation,
    deviation,
    precision_check_images,
    reason_against,
    translated_check_images,
)


@pytest.mark.parametrize(
    ('card', 'shape'),
    [
        (ModelCard('fixed', size=(40, 24)), (24, 40, 3)),
        (ModelCard('free'), (192, 256, 3)),
        (ModelCard('multiple', size_multiple=100), (200, 300, 3)),
    ],
)
def test_the_images_have_the_size_of_the_model(card, shape):
    images = precision_check_images(card)
    assert [(image.shape, image.dtype) for image in images] == [(shape, np.uint8)] * 2
    assert all(image.std() > 20 for image in images)
    assert np.abs(images[0].astype(int) - images[1]).mean() > 20, 'a stale result must show'


def test_they_are_the_same_every_time():
    for one, other in zip(*[precision_check_images(ModelCard('free'))] * 2, strict=True):
        assert np.array_equal(one, other)


def test_the_model_sees_its_own_layout():
    card = ModelCard('f', size=(16, 8), layout='NCHW', dtype='float32', colour_order='BGR')

    def negative(tensor):
        assert (tensor.shape, tensor.dtype) == ((1, 3, 8, 16), np.float32)
        return sum(card.value_range) - tensor

    for result, image in zip(
        translated_check_images(negative, card), precision_check_images(card), strict=True
    ):
        assert np.array_equal(result, 255 - image)


def test_values_that_are_no_numbers_are_an_error():
    card = ModelCard('f', size=(16, 8), layout='NCHW', dtype='float32')
    with pytest.raises(BackendError):
        translated_check_images(lambda tensor: tensor * np.nan, card)


def test_results_are_kept_though_the_model_reuses_its_output():
    card, buffer = ModelCard('u', size=(16, 8)), np.empty((1, 8, 16, 3), np.uint8)

    def identity(tensor):
        np.copyto(buffer, tensor)
        return buffer

    for result, image in zip(
        translated_check_images(identity, card), precision_check_images(card), strict=True
    ):
        assert np.array_equal(result, image)


def test_the_deviation_is_of_all_images_and_both_directions():
    black, grey = np.zeros((2, 2, 3), np.uint8), np.full((2, 2, 3), 10, np.uint8)
    darker = grey.copy()
    darker[0, 0, 0] = 2
    assert deviation([black, darker], [black, grey]) == Deviation(8, 8 / 24)
    assert deviation([darker, black], [grey, black]) == Deviation(8, 8 / 24)
    assert deviation([grey], [darker]) == Deviation(8, 8 / 12)
    assert deviation([grey], [black]) == Deviation(10, 10.0)


def test_another_shape_is_an_error():
    with pytest.raises(BackendError, match='expected'):
        deviation([np.zeros((2, 2, 3), np.uint8)], [np.zeros((2, 3, 3), np.uint8)])


@pytest.mark.parametrize(
    ('found', 'unasked', 'asked'),
    [
        (Deviation(0, 0.0), True, True),
        (Deviation(1, 1.0), True, True),
        (Deviation(2, 0.0), False, True),
        (Deviation(16, 1.0), False, True),
        (Deviation(17, 0.1), False, False),
        (Deviation(5, 1.1), False, False),
    ],
)
def test_more_is_allowed_to_who_asks(found, unasked, asked):
    assert (reason_against('float16', found, asked=False) == '') is unasked
    assert (reason_against('float16', found, asked=True) == '') is asked


def test_the_reason_has_the_numbers():
    reason = reason_against('float16', Deviation(200, 31.4), asked=True)
    assert reason == (
        'float16 differs from float32 by 200 levels at most, 31 on average; allowed are 16 '
        'levels at most, 1 on average'
    )
