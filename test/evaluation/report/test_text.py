import unicodedata

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim2real_ros.evaluation.quantity import Quantity, Value
from sim2real_ros.evaluation.report.number_text import number_text, signed_text, spread_text
from sim2real_ros.evaluation.report.shown_text import shortened, shown_text, text_width
from sim2real_ros.evaluation.report.thinning import thin_out


@pytest.mark.parametrize(
    ('text', 'shown'),
    [
        ('plain name', 'plain name'),
        ('Größe 東京 שלום 👩‍🚀', 'Größe 東京 שלום 👩‍🚀'),
        ('two\nlines\t and  blanks ', 'two lines and blanks'),
        ('\x1b[31mred', '\\u001b[31mred'),
        ('gnp.\u202etac', 'gnp.\\u202etac'),
        ('a\u2066b\u2069', 'a\\u2066b\\u2069'),
        ('caf\udce9', 'caf\\udce9'),
        ('bell\x07\x00', 'bell\\u0007\\u0000'),
    ],
)
def test_shown_text(text, shown):
    assert shown_text(text) == shown


@given(st.text(st.characters()))
def test_shown_text_can_be_written_and_acts_on_nothing(text):
    shown = shown_text(text)
    shown.encode('utf-8')
    assert '\n' not in shown
    assert shown_text(shown) == shown
    bidi = {'RLE', 'LRE', 'RLO', 'LRO', 'PDF', 'RLI', 'LRI', 'FSI', 'PDI'}
    assert not any(unicodedata.category(each) in ('Cc', 'Cs') for each in shown)
    assert not any(unicodedata.bidirectional(each) in bidi for each in shown)


@given(st.text(), st.integers(1, 30))
def test_shortened_text_fits(text, width):
    shown = shown_text(text)
    short = shortened(shown, width)
    assert text_width(short) <= width
    assert short == shown or short.endswith('…')


def test_width_of_letters():
    assert [text_width(text) for text in ('abc', '東京', 'e\u0301', '')] == [3, 4, 1, 0]


@pytest.mark.parametrize(
    ('number', 'decimals', 'text'),
    [
        (0.81249, 3, '0.812'),
        (-1.5, 0, '-2'),
        (0, 2, '0.00'),
        (-0.0, 2, '0.00'),
        (0.00031, 3, '0.00031'),
        (-0.00031, 3, '-0.00031'),
        (0.000328, 3, '0.00033'),
        (1.01e-6, 3, '1e-06'),
        (0.99e-6, 3, '0.000'),
        (-5.4e-11, 2, '0.00'),
        (12345678.9, 1, '1.23e+07'),
        (3.14159, -2, '3'),
    ],
)
def test_number_text(number, decimals, text):
    assert number_text(number, decimals) == text


def test_signed_and_spread_text():
    assert [signed_text(each, 1) for each in (0.25, -0.25, 0)] == ['+0.2', '-0.2', '+0.0']
    quantity = Quantity('q', 'Q', 'higher', '', decimals=2)
    assert spread_text(Value(1, 2, 0.5, 1.5, std_error=9), quantity) == '[0.50, 1.50]'
    assert spread_text(Value(1, 2, std_error=0.25), quantity) == '± 0.25'
    assert spread_text(Value(1, 2), quantity) == ''


def test_short_series_stay_whole():
    assert thin_out(np.array([np.nan, 1, 2]), 3).tolist() == [0, 1, 2]
    assert thin_out(np.zeros(0), 3).tolist() == []


@given(st.integers(11, 400), st.integers(0, 2**32 - 1), st.sampled_from([2, 3, 10]))
def test_thinned_series_keep_their_peaks(count, seed, most):
    random = np.random.default_rng(seed)
    series = random.normal(size=count)
    series[random.random(count) < 0.1] = np.nan
    rows = thin_out(series, most)
    assert len(rows) <= most
    assert (np.diff(rows) > 0).all()
    if np.isfinite(series).any():
        assert np.nanmax(series[rows]) == np.nanmax(series)
        assert np.nanmin(series[rows]) == np.nanmin(series)


def test_thinned_series_keep_gaps():
    series = np.ones(10_000)
    series[4000:6000] = np.nan
    rows = thin_out(series)
    gap = np.isnan(series[rows])
    assert gap.sum() == 100
    assert (np.diff(np.flatnonzero(gap)) == 1).all()
