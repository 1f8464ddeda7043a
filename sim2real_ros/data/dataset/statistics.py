"""Count and describe what is in a data set."""

import json
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sim2real_ros.data.dataset.assembling import HELD_OUT, Assembly, PlacedImage
from sim2real_ros.data.dataset.duplicates import count_repeats, find_near_duplicates
from sim2real_ros.data.dataset.measuring import MeasuredImage
from sim2real_ros.data.dataset.options import DatasetOptions

STATISTICS_NAME = 'statistics.json'

_SUBSETS = ('train', 'val', 'test')
_DIGITS = 3


def describe_dataset(
    assembly: Assembly, options: DatasetOptions, class_names: Sequence[str]
) -> dict[str, Any]:
    """Return numbers of images, drives, classes and sizes, colours, and what was left out.

    Args:
        assembly: The data set.
        options: How it was made.
        class_names: By class number.

    Returns:
        JSON values. Colours are mean and standard deviation of all pixels, R, G and B, 0..255.
    """
    groups = _by_domain(assembly.placed)
    return {
        'layout': options.layout,
        'seed': options.seed,
        'split': assembly.how,
        'images': {d: {s: len(i) for s, i in subsets.items()} for d, subsets in groups.items()},
        'left_out': {reason: dict(count) for reason, count in assembly.left_out.items()},
        'real_share': assembly.real_share,
        'repeated_images': {
            domain: {subset: count_repeats(images) for subset, images in subsets.items()}
            for domain, subsets in groups.items()
        },
        'near_duplicates': {domain: _near(subsets) for domain, subsets in groups.items()},
        'drives': {domain: _drives(subsets) for domain, subsets in groups.items()},
        'classes': {
            domain: {subset: _classes(images, class_names) for subset, images in subsets.items()}
            for domain, subsets in groups.items()
        },
        'sizes': {domain: _sizes(_all(subsets)) for domain, subsets in groups.items()},
        'colour': {domain: _colour(_all(subsets)) for domain, subsets in groups.items()},
        'notes': assembly.notes,
    }


def statistics_bytes(statistics: Mapping[str, Any]) -> bytes:
    """Write statistics as a JSON file."""
    return (json.dumps(statistics, indent=2, ensure_ascii=False) + '\n').encode('utf-8')


def summary_lines(statistics: Mapping[str, Any]) -> list[str]:
    """Describe a data set in a few lines of text."""
    lines = []
    for domain, subsets in statistics['images'].items():
        counts = ', '.join(f'{count} {subset}' for subset, count in subsets.items())
        sizes = ', '.join(f'{size} ({n})' for size, n in statistics['sizes'][domain].items())
        mean = ' '.join(f'{value:.0f}' for value in statistics['colour'][domain]['mean'])
        lines.append(f'{domain:5} {counts}; sizes {sizes}; mean RGB {mean}')
    lines += [f'split {what}: {how}' for what, how in statistics['split'].items()]
    for reason, counts in statistics['left_out'].items():
        text = ', '.join(f'{count} {domain}' for domain, count in counts.items())
        lines.append(f'left out, {reason}: {text}')
    if share := statistics['real_share']:
        lines.append(
            f'real share: {share["real_used"]} of {share["real_labelled_for_training"]} real '
            f'images for training (wanted {share["wanted"]:g} of {share["of"]}), with '
            f'{share["synthetic"]} synthetic ones: {share["share_of_mix"]:.2%} of the mixed set'
        )
    for domain, near in statistics['near_duplicates'].items():
        if near['count']:
            lines.append(
                f'near duplicates: {near["count"]} {domain} training images look like one held out'
            )
    return lines + [f'note: {note}' for note in statistics['notes']]


def _by_domain(placed: Iterable[PlacedImage]) -> dict[str, dict[str, list[MeasuredImage]]]:
    groups: dict[str, dict[str, list[MeasuredImage]]] = {}
    for each in placed:
        for image in filter(None, (each.image, each.partner)):
            groups.setdefault(image.domain, {}).setdefault(each.subset, []).append(image)
    return {
        domain: {each: groups[domain][each] for each in _SUBSETS if each in groups[domain]}
        for domain in sorted(groups, reverse=True)
    }


def _all(subsets: Mapping[str, list[MeasuredImage]]) -> list[MeasuredImage]:
    return [image for images in subsets.values() for image in images]


def _near(subsets: Mapping[str, list[MeasuredImage]]) -> dict[str, Any]:
    held = [image for subset in HELD_OUT for image in subsets.get(subset, [])]
    found = find_near_duplicates(subsets.get('train', []), held)
    return {'count': found.count, 'examples': [list(pair) for pair in found.examples]}


def _drives(subsets: Mapping[str, list[MeasuredImage]]) -> dict[str, dict[str, int]]:
    drives: dict[str, Counter[str]] = {}
    for subset, images in subsets.items():
        for image in images:
            drives.setdefault(image.sequence, Counter())[subset] += 1
    return {name: dict(drives[name]) for name in sorted(drives)}


def _classes(images: Sequence[MeasuredImage], names: Sequence[str]) -> dict[str, Any]:
    instances: Counter[int] = Counter()
    for image in images:
        instances.update(image.labels.class_counts)
    return {
        'images_with_labels': sum(1 for image in images if image.labels.files),
        'instances': {
            names[number] if number < len(names) else f'class_{number}': instances[number]
            for number in sorted(instances)
        },
    }


def _sizes(images: Iterable[MeasuredImage]) -> dict[str, int]:
    counts = Counter(image.size for image in images)
    return {f'{size[0]}x{size[1]}': counts[size] for size in sorted(counts)}


def _colour(images: Sequence[MeasuredImage]) -> dict[str, list[float]]:
    pixels = sum(image.size[0] * image.size[1] for image in images)
    mean, deviation = [], []
    for channel in range(3):
        first = sum(image.colour_sums[0][channel] for image in images)
        second = sum(image.colour_sums[1][channel] for image in images)
        # In whole numbers up to here, so nothing is lost and no order of adding matters.
        variance = (second * pixels - first * first) / pixels**2
        mean.append(round(first / pixels, _DIGITS))
        deviation.append(round(math.sqrt(variance), _DIGITS))
    return {'mean': mean, 'std': deviation}
