"""Fit the colour thresholds of a domain to its histogram, and write them as YAML."""

from dataclasses import replace

import yaml

from sim2real_ros.evaluation.colours.box_search import HsvBox, fit_box
from sim2real_ros.evaluation.colours.histogram import HUE_BINS, LEVEL_STEP, HsvHistogram
from sim2real_ros.evaluation.colours.thresholds import ColourThresholds, HsvRange, LineColour


def fit_thresholds(
    name: str, histogram: HsvHistogram, start: ColourThresholds, beta: float = 1.0
) -> ColourThresholds:
    """Fit one box for each colour; where its hues pass 0, it becomes two ranges.

    Args:
        name: Of the result.
        histogram: Of the frames to fit on.
        start: Which colours there are, and their mask ids; its ranges play no part.
        beta: Weight of recall in F-beta.

    Returns:
        The thresholds of those colours that occur.
    """
    colours = {}
    for colour, given in start.colours.items():
        positives = histogram.positives[colour]
        if positives.any():
            box, _ = fit_box(positives, histogram.total, beta)
            colours[colour] = LineColour(ranges_of(box), given.mask_ids)
    display = {each: start.display_rgb[each] for each in colours if each in start.display_rgb}
    return ColourThresholds(name, colours, display_rgb=display)


def ranges_of(box: HsvBox) -> tuple[HsvRange, ...]:
    """Return the HSV ranges of a box of histogram bins: one, or two where it passes hue 0."""
    first, last = box.hue_first, box.hue_first + box.hue_count - 1
    if box.hue_count >= HUE_BINS:
        hues = [(0, HUE_BINS - 1)]
    elif last >= HUE_BINS:
        hues = [(0, last - HUE_BINS), (first, HUE_BINS - 1)]
    else:
        hues = [(first, last)]
    (s_low, s_high), (v_low, v_high) = (
        (low * LEVEL_STEP, (high + 1) * LEVEL_STEP - 1)
        for low, high in (box.saturation, box.value)
    )
    return tuple(HsvRange((low, s_low, v_low), (high, s_high, v_high)) for low, high in hues)


def thresholds_yaml(thresholds: ColourThresholds, description: str) -> str:
    """Write thresholds as ``load_thresholds`` reads them.

    Args:
        thresholds: What to write.
        description: Takes the place of theirs.
    """
    thresholds = replace(thresholds, description=description)
    content = {
        'name': thresholds.name,
        'description': thresholds.description,
        'colours': {
            name: {
                'ranges': [{'low': [*each.low], 'high': [*each.high]} for each in colour.ranges],
                'mask_ids': [*colour.mask_ids],
            }
            for name, colour in thresholds.colours.items()
        },
        'display_rgb': {name: [*rgb] for name, rgb in thresholds.display_rgb.items()},
    }
    head = "# OpenCV's 8-bit HSV: hue 0..179 (half of the degrees), saturation and value 0..255.\n"
    body: str = yaml.safe_dump(
        content, sort_keys=False, default_flow_style=None, allow_unicode=True, width=99
    )
    return head + body
